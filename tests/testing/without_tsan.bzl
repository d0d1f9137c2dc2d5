"""Programs that a ThreadSanitizer build leaves without it.

The daemon links gRPC, which isn't instrumented, so that ThreadSanitizer would
see races where there are none. Tests that check the stub under it run a plain
daemon.
"""

_OPTIONS = ["//command_line_option:copt", "//command_line_option:linkopt"]

def _transition_impl(settings, attr):
    return {
        option: [o for o in settings[option] if o != "-fsanitize=thread"]
        for option in _OPTIONS
    }

_without_tsan = transition(
    implementation = _transition_impl,
    inputs = _OPTIONS,
    outputs = _OPTIONS,
)

def _impl(ctx):
    program = ctx.actions.declare_file(ctx.label.name)
    source = ctx.attr.program[0][DefaultInfo]
    ctx.actions.symlink(
        output = program,
        target_file = source.files_to_run.executable,
        is_executable = True,
    )
    return [DefaultInfo(
        executable = program,
        runfiles = ctx.runfiles(files = [program]).merge(
            source.default_runfiles,
        ),
    )]

program_without_tsan = rule(
    implementation = _impl,
    attrs = {
        "program": attr.label(
            cfg = _without_tsan,
            executable = True,
            mandatory = True,
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    executable = True,
)
