# SPDX-License-Identifier: GPL-3.0-or-later
# Reading stores without the module: the module's pure files built for user
# space, the reader on top of them, and its command.
set(kmod ${CMAKE_SOURCE_DIR}/kmod)
add_library(dormouse_store_pure STATIC
    ${kmod}/change_map.c
    ${kmod}/crc32c.c
    ${kmod}/record_codec.c
    ${kmod}/undo_index.c
)
target_include_directories(dormouse_store_pure PUBLIC ${kmod})
