"""Publishes by WHIP or plays by WHEP with aiortc: play|publish URL SECONDS. Prints what it saw as JSON."""

import array
import asyncio
import json
import math
import sys
import time

import aiohttp
import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer
from aiortc.mediastreams import MediaStreamError


# A machine may have no address but loopback's, which aioice leaves out.
host_addresses = aioice.ice.get_host_addresses
aioice.ice.get_host_addresses = lambda *family, **named: host_addresses(*family, **named) + ["127.0.0.1"]


async def signal(http, pc, url):
    await pc.setLocalDescription(await pc.createOffer())
    headers = {"Content-Type": "application/sdp"}
    async with http.post(url, data=pc.localDescription.sdp, headers=headers) as r:
        text = await r.text()
        if r.status != 201:
            raise SystemExit(f"{r.status} {text}")
        await pc.setRemoteDescription(RTCSessionDescription(sdp=text, type="answer"))
        return r.headers["Location"]


def loudness(frame):
    samples = array.array("h", bytes(frame.planes[0]))
    return math.sqrt(sum(x * x for x in samples) / max(len(samples), 1))


async def watch(track, seen):
    try:
        while True:
            frame = await track.recv()
            if track.kind == "video":
                seen["video"] += 1
                seen["size"] = f"{frame.width}x{frame.height}"
            else:
                seen["audio"] += 1
                seen["loudness"] = max(seen["loudness"], loudness(frame))
    except MediaStreamError:
        seen["ended"] += 1


async def main(action, url, seconds):
    seen = {"video": 0, "audio": 0, "loudness": 0.0, "size": "", "ended": 0, "state": ""}
    pc = RTCPeerConnection()
    tasks = []
    if action == "play":
        pc.addTransceiver("audio", direction="recvonly")
        pc.addTransceiver("video", direction="recvonly")
        pc.on("track", lambda track: tasks.append(asyncio.ensure_future(watch(track, seen))))
    else:
        player = MediaPlayer("testsrc=size=320x240:rate=25", format="lavfi")
        sound = MediaPlayer("sine=frequency=440:sample_rate=48000", format="lavfi")
        pc.addTrack(sound.audio)
        pc.addTrack(player.video)
    async with aiohttp.ClientSession() as http:
        location = await signal(http, pc, url)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.sleep(0.1)
        seen["state"] = pc.connectionState
        async with http.delete(url.split("/rtc/")[0] + location) as r:
            seen["deleted"] = r.status
    await pc.close()
    for t in tasks:
        t.cancel()
    print(json.dumps(seen))


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
