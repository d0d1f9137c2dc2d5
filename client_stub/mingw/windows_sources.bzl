"""What must compile with mingw-w64 against Windows' own headers.

Each label is a filegroup of .cc, .c and .h files, visible to this package.
"""

# Linked to wspcat.exe.
WSPCAT_SOURCES = [
    "//client_stub/spi_client:windows_sources",
    "//client_stub/wspcat:windows_sources",
]

# Compiled only.
COMPILED_SOURCES = [
    "//client_stub/spi:windows_sources",
    "//client_stub/transport:windows_sources",
]
