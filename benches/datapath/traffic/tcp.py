"""Talks TCP in three ways, and says how fast that went. Run inside the ways' namespaces.

    stream     one connection that carries as much as it can
    ask        one connection, one byte there and one byte back, again and again
    connect    connections of one such exchange each, several at a time

`serve` is the other end of the first, `answer` of the others: that goes on until SIGTERM. Each says how much CPU time it
took. Python's own share of that, which is the same for every way, is `user_share`.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import struct
import sys
import time

PORT = 5201
BUFFER = 128 << 10
WARM_UP = 0.2
LIMIT = 5
WORKERS = 4
SEGMENTS_SENT_AGAIN = 100  # where tcpi_total_retrans is in struct tcp_info
SET_DEATH_SIGNAL = 1


def listener():
    plug = socket.create_server(("0.0.0.0", PORT), backlog=1024)
    print("listening", flush=True)
    return plug


def connected(address):
    """The kernel watches its time, so that no call of Python's has to."""
    plug = socket.socket()
    limit = struct.pack("ll", LIMIT, 0)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        plug.connect((address, PORT))
    except OSError:
        plug.close()
        raise
    return plug


class Ended(Exception):
    """SIGTERM came."""


def end(*_):
    raise Ended


def workers(task):
    """What each of several processes returns, which end when this one does, and are told when it is to end."""
    pipes, processes = [], []
    for _ in range(WORKERS):
        reading, writing = os.pipe()
        if (process := os.fork()) == 0:
            ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
            os.write(writing, json.dumps(task()).encode())
            os._exit(0)
        os.close(writing)
        processes.append(process)
        pipes.append(os.fdopen(reading))
    signal.signal(signal.SIGTERM, lambda *_: [os.kill(process, signal.SIGTERM) for process in processes])
    return [json.load(pipe) for pipe in pipes]


def serve():
    """Takes one stream, and counts from when it has got going; if it never does, from its beginning."""
    plug, _ = listener().accept()
    buffer = bytearray(BUFFER)
    begun = last = warm = time.monotonic()
    before = counted = 0
    while count := plug.recv_into(buffer):
        last = time.monotonic()
        counted += count
        if warm == begun and last - begun > WARM_UP:
            warm, before, counted = last, counted, 0
    return {"bytes": counted, "seconds": last - warm, "all_bytes": before + counted, "cpu_ns": time.process_time_ns()}


def stream(address, seconds):
    plug, buffer = connected(address), bytes(BUFFER)
    end = time.monotonic() + WARM_UP + seconds
    while time.monotonic() < end:
        plug.send(buffer)
    told = plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, SEGMENTS_SENT_AGAIN + 4)
    return {"retransmits": struct.unpack_from("I", told, SEGMENTS_SENT_AGAIN)[0], "cpu_ns": time.process_time_ns()}


def answer():
    """A byte for each byte, to several clients at a time, until SIGTERM."""
    signal.signal(signal.SIGTERM, end)
    plug = listener()

    def task():
        with contextlib.suppress(Ended):
            while True:
                client, _ = plug.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with contextlib.suppress(OSError):
                    while client.recv(1):
                        client.send(b"y")
                client.close()
        return time.process_time_ns()

    return {"cpu_ns": sum(workers(task))}


def ask(address, seconds):
    plug, took = connected(address), []
    cpu_start = time.process_time_ns()
    start = last = time.perf_counter_ns()
    end = start + int(seconds * 1e9)
    while last < end:
        plug.send(b"x")
        if not plug.recv(1):
            raise ConnectionError("the server has ended the connection")
        now = time.perf_counter_ns()
        took.append(now - last)
        last = now
    took.sort()
    return {
        "done": len(took),
        "cpu_ns": time.process_time_ns() - cpu_start,
        "per_second": len(took) * 1e9 / (last - start),
        "median_us": took[len(took) // 2] / 1000,
        "p99_us": took[len(took) * 99 // 100] / 1000,
    }


def connect(address, seconds):
    def task():
        done = failed = 0
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            try:
                plug = connected(address)
                plug.send(b"x")
                good = plug.recv(1) == b"y"
                plug.close()
            except OSError:
                good = False
            done, failed = done + good, failed + (not good)
        return {
            "done": done, "failed": failed, "seconds": time.monotonic() - start, "times": os.times()[:2],
            "cpu_ns": time.process_time_ns(),
        }

    found = workers(task)
    user, system = (sum(each["times"][which] for each in found) for which in (0, 1))
    return {
        "per_second": sum(each["done"] / each["seconds"] for each in found),
        "done": sum(each["done"] for each in found),
        "failed": sum(each["failed"] for each in found),
        "cpu_ns": sum(each["cpu_ns"] for each in found),
        "user_share": user / (user + system) if user + system else 0,
    }


if __name__ == "__main__":
    role, cpu, *arguments = sys.argv[1:]
    os.sched_setaffinity(0, {int(cpu)})
    if role in ("serve", "answer"):
        print(json.dumps({"serve": serve, "answer": answer}[role]()))
    else:
        address, seconds = arguments
        print(json.dumps({"stream": stream, "ask": ask, "connect": connect}[role](address, float(seconds))))
