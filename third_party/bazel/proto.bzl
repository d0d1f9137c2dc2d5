"""Protobuf and gRPC code from Debian's protoc.

Bazel's own proto rules want protobuf's sources; these few lines run the
installed compiler instead.
"""

def _protoc_impl(ctx):
    name = ctx.file.src.short_path[len(ctx.label.package) + 1:-len(".proto")]
    messages = [ctx.actions.declare_file(name + end) for end in [".pb.h", ".pb.cc"]]
    service = []
    if ctx.attr.grpc:
        service = [ctx.actions.declare_file(name + end) for end in [".grpc.pb.h", ".grpc.pb.cc"]]
    descriptor = ctx.actions.declare_file(name + ".descriptor_set")
    outs = messages + service + [descriptor]
    args = ctx.actions.args()
    args.add("-I.")
    args.add("--include_imports")
    args.add("--include_source_info")
    args.add("--cpp_out=" + ctx.bin_dir.path)
    if ctx.attr.grpc:
        args.add("--plugin=protoc-gen-grpc=" + ctx.file._plugin.path)
        args.add("--grpc_out=" + ctx.bin_dir.path)
    args.add("--descriptor_set_out=" + descriptor.path)
    args.add(ctx.file.src.path)
    ctx.actions.run(
        executable = ctx.file._protoc,
        arguments = [args],
        inputs = [ctx.file.src, ctx.file._plugin] + ctx.files.imports,
        outputs = outs,
        mnemonic = "Protoc",
    )
    return [
        DefaultInfo(files = depset(outs)),
        OutputGroupInfo(
            messages = depset(messages),
            service = depset(service),
            descriptor = depset([descriptor]),
        ),
    ]

_protoc = rule(
    implementation = _protoc_impl,
    attrs = {
        "src": attr.label(allow_single_file = [".proto"], mandatory = True),
        "imports": attr.label_list(allow_files = [".proto"]),
        "grpc": attr.bool(default = False),
        "_protoc": attr.label(
            default = "//third_party:protoc",
            allow_single_file = True,
        ),
        "_plugin": attr.label(
            default = "//third_party:grpc_cpp_plugin",
            allow_single_file = True,
        ),
    },
)

def wsp_proto_library(name, src, imports = [], deps = [], grpc = False, visibility = None):
    """A C++ library `name` of the messages of one .proto file.

    Also `name`_descriptor, its descriptor set, and with `grpc` the library
    `name`_grpc of its services.

    Args:
      name: the library.
      src: the .proto file.
      imports: the .proto files that it imports, also indirectly.
      deps: the libraries of the imported files.
      grpc: whether the file has services.
      visibility: as everywhere.
    """
    _protoc(name = name + "_protoc", src = src, imports = imports, grpc = grpc)
    for group in ["messages", "service", "descriptor"]:
        native.filegroup(
            name = name + "_" + group,
            srcs = [":" + name + "_protoc"],
            output_group = group,
            visibility = visibility,
        )
    native.cc_library(
        name = name,
        srcs = [":" + name + "_messages"],
        copts = ["-w"],
        visibility = visibility,
        deps = deps + ["//third_party:protobuf"],
    )
    if grpc:
        native.cc_library(
            name = name + "_grpc",
            srcs = [":" + name + "_service"],
            copts = ["-w"],
            visibility = visibility,
            deps = [":" + name, "//third_party:grpcpp"],
        )
