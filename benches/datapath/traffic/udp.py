"""Sends and receives UDP, at a fixed rate or as fast as goes, and says what that cost. Run inside the ways' namespaces.

The kernel delivers over a veth within the sender's system call, so what a packet costs on its way is in the CPU time of
the two processes (and of ksoftirqd, which bench.py counts). What is not the way's is kept small: sendmmsg and recvmmsg
instead of many calls, pauses between bursts, and a receiver that nobody has to wake, since it looks by itself.

Before it counts, the receiver answers once: a flow without answers is none that nftables takes for established.
"""

import ctypes
import json
import os
import socket
import sys
import time

BATCH = 64
PAUSE = 0.002
SILENCE = 5
PORT = 5201
HELLO, END = b"hello", b"end"
libc = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Header(ctypes.Structure):
    """struct msghdr."""

    _fields_ = [
        ("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32), ("iov", ctypes.POINTER(Iovec)),
        ("iov_length", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class Message(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = [("header", Header), ("length", ctypes.c_uint32)]


def batch(size):
    """As many messages as a call takes, all of them in one buffer: nobody reads what is in it."""
    buffer = ctypes.create_string_buffer(size)
    iovec = Iovec(ctypes.cast(buffer, ctypes.c_void_p), size)
    messages = (Message * BATCH)()
    for message in messages:
        message.header.iov, message.header.iov_length = ctypes.pointer(iovec), 1
    return messages, buffer, iovec


def send(address, cpu, rate, size, seconds):
    """So many packets a second; as many as go if that is 0."""
    os.sched_setaffinity(0, {cpu})
    plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plug.connect((address, PORT))
    plug.settimeout(SILENCE)
    plug.send(HELLO)
    plug.recv(len(HELLO))
    plug.setblocking(True)
    messages, *keep = batch(size)
    sent, refused = 0, 0
    cpu_start, start = time.process_time_ns(), time.monotonic()
    while (passed := time.monotonic() - start) < seconds:
        if rate and (sent + refused) / rate > passed:
            time.sleep(PAUSE)
            continue
        done = libc.sendmmsg(plug.fileno(), messages, BATCH, 0)
        if done > 0:
            sent += done
        else:
            refused += BATCH
    elapsed, cpu_time = time.monotonic() - start, time.process_time_ns() - cpu_start
    for _ in range(10):
        time.sleep(0.005)
        try:
            plug.send(END)
        except OSError:
            break
    return {"packets": sent, "refused": refused, "seconds": elapsed, "cpu_ns": cpu_time}


def receive(cpu, size):
    os.sched_setaffinity(0, {cpu})
    plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plug.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), 8 << 20)
    plug.bind(("0.0.0.0", PORT))
    print("listening", flush=True)
    plug.settimeout(SILENCE)
    plug.sendto(*plug.recvfrom(len(HELLO)))
    messages, *keep = batch(size)
    received, heard, cpu_start, ended = 0, time.monotonic(), None, False
    while not ended and time.monotonic() - heard < SILENCE:
        time.sleep(PAUSE)
        while (done := libc.recvmmsg(plug.fileno(), messages, BATCH, socket.MSG_DONTWAIT, None)) > 0:
            cpu_start, heard = cpu_start or time.process_time_ns(), time.monotonic()
            ends = messages[done - 1].length == len(END) and sum(messages[n].length == len(END) for n in range(done))
            received += done - ends
            ended |= ends > 0
    return {"packets": received, "cpu_ns": time.process_time_ns() - cpu_start if cpu_start else 0}


if __name__ == "__main__":
    role, *arguments = sys.argv[1:]
    if role == "send":
        address, cpu, rate, size, seconds = arguments
        print(json.dumps(send(address, int(cpu), float(rate), int(size), float(seconds))))
    else:
        cpu, size = arguments
        print(json.dumps(receive(int(cpu), int(size))))
