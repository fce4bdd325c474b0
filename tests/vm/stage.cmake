# SPDX-License-Identifier: GPL-3.0-or-later
# cmake -D BUILD=dir -D STAGE=dir -P stage.cmake: installs the build below STAGE
# as a package would (prefix /usr), starting from an empty folder.
file(REMOVE_RECURSE ${STAGE})
file(MAKE_DIRECTORY ${STAGE})
set(ENV{DESTDIR} ${STAGE})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix /usr
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
