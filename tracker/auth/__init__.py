"""Who may do what. Denied unless a route says otherwise."""
