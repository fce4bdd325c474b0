#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program asks the drive itself, past the block layer (SG_IO).

sg_io.py read|write DEVICE BLOCK    one block of 512 bytes; what is written is 0xA5
"""

import ctypes
import fcntl
import os
import sys

SG_IO = 0x2285
TO_DEVICE, FROM_DEVICE = -2, -3
READ_10, WRITE_10 = 0x28, 0x2A


class Header(ctypes.Structure):  # struct sg_io_hdr of <scsi/sg.h>
    _fields_ = [("interface_id", ctypes.c_int), ("dxfer_direction", ctypes.c_int), ("cmd_len", ctypes.c_ubyte),
                ("mx_sb_len", ctypes.c_ubyte), ("iovec_count", ctypes.c_ushort), ("dxfer_len", ctypes.c_uint),
                ("dxferp", ctypes.c_void_p), ("cmdp", ctypes.c_void_p), ("sbp", ctypes.c_void_p),
                ("timeout", ctypes.c_uint), ("flags", ctypes.c_uint), ("pack_id", ctypes.c_int),
                ("usr_ptr", ctypes.c_void_p), ("status", ctypes.c_ubyte), ("masked_status", ctypes.c_ubyte),
                ("msg_status", ctypes.c_ubyte), ("sb_len_wr", ctypes.c_ubyte), ("host_status", ctypes.c_ushort),
                ("driver_status", ctypes.c_ushort), ("resid", ctypes.c_int), ("duration", ctypes.c_uint),
                ("info", ctypes.c_uint)]


def main(verb, device, block):
    data = ctypes.create_string_buffer(b"\xa5" * 512, 512)
    sense = ctypes.create_string_buffer(32)
    writes = verb == "write"
    command = ctypes.create_string_buffer(
        bytes([WRITE_10 if writes else READ_10, 0]) + int(block).to_bytes(4, "big") + bytes([0, 0, 1, 0]), 10)
    header = Header(interface_id=ord("S"), dxfer_direction=TO_DEVICE if writes else FROM_DEVICE, cmd_len=10,
                    mx_sb_len=32, dxfer_len=512, dxferp=ctypes.addressof(data), cmdp=ctypes.addressof(command),
                    sbp=ctypes.addressof(sense), timeout=10000)
    fd = os.open(device, os.O_RDWR)
    fcntl.ioctl(fd, SG_IO, header)
    if header.status or header.host_status or header.driver_status:
        sys.exit(f"{verb}: {header.status:#x} {header.host_status:#x} {header.driver_status:#x} {sense.raw.hex()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
