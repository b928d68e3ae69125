"""Launches on a cluster: what starts them, the worker that carries them out, what becomes of them.

    on_promotion, start    a row, in the transaction of whoever wants it
      → plan               the spec complete, held against the site; names and objects
      → begin              its run made, its objects applied, their uid written down
      → view, observe      what the cluster has; how it stands
      → look               state, reason, endpoint, GPU-seconds and cost; an event
      → close              logs kept, run ended, what is left over cleared away

``podium.registry.launch`` has the spec, the targets, and the door to the API server.
"""
