"""PyTorch: what ``torch.load(weights_only=True)`` takes, and the modules of ``torch.nn``.

See ``torch/_weights_only_unpickler.py``; what that takes and can only be judged with its arguments,
as ``_rebuild_from_type_v2``, is left out.
"""

from __future__ import annotations

from .names import Must, functions, names

NAMED = names("""
torch BFloat16Storage BoolStorage ByteStorage CharStorage ComplexDoubleStorage ComplexFloatStorage
torch DoubleStorage FloatStorage HalfStorage IntStorage LongStorage QInt32Storage QInt8Storage
torch QUInt2x4Storage QUInt4x2Storage QUInt8Storage ShortStorage
torch bfloat16 bool complex128 complex32 complex64 double float float16 float32 float64
torch float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz half int int16 int32 int64 int8 long
torch per_channel_affine per_channel_affine_float_qparams per_channel_symmetric per_tensor_affine
torch per_tensor_symmetric qint32 qint8 quint8 short uint16 uint32 uint64 uint8
torch Tensor
torch._C._nn gelu
torch.nn.functional celu elu gelu hardswish leaky_relu log_softmax mish relu relu6 selu sigmoid silu
torch.nn.functional softmax softplus tanh
torch.nn.modules.activation CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU
torch.nn.modules.activation LogSigmoid LogSoftmax Mish MultiheadAttention PReLU RReLU ReLU ReLU6
torch.nn.modules.activation SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus Softshrink Softsign
torch.nn.modules.activation Tanh Tanhshrink Threshold
torch.nn.modules.batchnorm BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm
torch.nn.modules.channelshuffle ChannelShuffle
torch.nn.modules.container ModuleDict ModuleList ParameterDict ParameterList Sequential
torch.nn.modules.conv Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d
torch.nn.modules.distance CosineSimilarity PairwiseDistance
torch.nn.modules.dropout AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout
torch.nn.modules.flatten Flatten Unflatten
torch.nn.modules.fold Fold Unfold
torch.nn.modules.instancenorm InstanceNorm1d InstanceNorm2d InstanceNorm3d
torch.nn.modules.linear Bilinear Identity Linear NonDynamicallyQuantizableLinear
torch.nn.modules.loss BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss
torch.nn.modules.loss GaussianNLLLoss HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss MSELoss
torch.nn.modules.loss MarginRankingLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss
torch.nn.modules.loss MultiMarginLoss NLLLoss PoissonNLLLoss SmoothL1Loss SoftMarginLoss
torch.nn.modules.loss TripletMarginLoss
torch.nn.modules.normalization CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm
torch.nn.modules.padding CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d
torch.nn.modules.padding ConstantPad3d ReflectionPad1d ReflectionPad2d ReflectionPad3d
torch.nn.modules.padding ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d
torch.nn.modules.padding ZeroPad3d
torch.nn.modules.pixelshuffle PixelShuffle PixelUnshuffle
torch.nn.modules.pooling AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d
torch.nn.modules.pooling AdaptiveMaxPool2d AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d
torch.nn.modules.pooling FractionalMaxPool2d FractionalMaxPool3d LPPool1d LPPool2d LPPool3d
torch.nn.modules.pooling MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d
torch.nn.modules.rnn GRU GRUCell LSTM LSTMCell RNN RNNCell
torch.nn.modules.sparse Embedding EmbeddingBag
torch.nn.modules.transformer Transformer TransformerDecoder TransformerDecoderLayer
torch.nn.modules.transformer TransformerEncoder TransformerEncoderLayer
torch.nn.modules.upsampling Upsample UpsamplingBilinear2d UpsamplingNearest2d
torch.nn.parameter Buffer Parameter
torch.storage TypedStorage UntypedStorage
""")

CALLED = {
    # They make a value, or a tensor of a storage that stands in the archive beside the pickle.
    **functions("""
torch Size device
torch.serialization _get_layout
torch._utils _rebuild_device_tensor_from_numpy _rebuild_meta_tensor_no_storage
torch._utils _rebuild_nested_tensor _rebuild_qtensor _rebuild_sparse_tensor _rebuild_tensor
torch._utils _rebuild_tensor_v2 _rebuild_tensor_v3
"""),
    # They ask the tensor for methods, and call them.
    **functions(
        "torch._utils _rebuild_device_tensor_from_cpu_tensor _rebuild_parameter", _0=Must.BE_FRESH
    ),
}
