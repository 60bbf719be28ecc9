"""Where does a command's time go? Run ha_manager's GET or SET under cProfile and print the top functions.

cProfile makes each call dearer, so read its shares, not its times; `--plain` gives the undisturbed rate.
"""

import argparse
import cProfile
import pstats

from cluster_peers import CLUSTER_PEERS, peers_of
from peers import PEERS, Peer, Target
from server import given_server, own_cluster, own_server
from throughput import CLUSTER_KEYS
from worker import call_for_each, run_on, run_tasks


async def drive(peer: Peer, target: Target, options: argparse.Namespace) -> None:
    """Connect, store the keys, then measure with or without the profiler."""
    await peer.connect(target)
    keys = max(options.tasks, CLUSTER_KEYS) if options.cluster else options.tasks
    await call_for_each(peer, "set", keys)
    await run_tasks(peer, options.op, options.tasks, keys, 0.2)
    profile = cProfile.Profile()
    if not options.plain:
        profile.enable()
    figures = await run_tasks(peer, options.op, options.tasks, keys, options.seconds)
    profile.disable()
    await peer.close()
    print(f"{figures['ops']:,.0f} ops/s, {figures['cpu'] * 1e6:.2f} µs of CPU a command")
    if not options.plain:
        pstats.Stats(profile).sort_stats(options.sort).print_stats(options.top)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="redis://host:port of a server to use instead of starting one")
    parser.add_argument("--cluster", action="store_true", help="against three primaries of a cluster")
    parser.add_argument("--peer", choices={**PEERS, **CLUSTER_PEERS}, default="ha_manager")
    parser.add_argument("--tasks", type=int, default=64)
    parser.add_argument("--op", choices=("get", "set"), default="get")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--plain", action="store_true", help="measure without the profiler")
    parser.add_argument("--sort", choices=("tottime", "cumtime", "ncalls"), default="tottime")
    parser.add_argument("--top", type=int, default=25, help="how many functions to print")
    options = parser.parse_args()
    known = peers_of(cluster=options.cluster)
    if options.peer not in known:
        parser.error(f"--peer: here there are {', '.join(known)}")
    if options.url and options.cluster:
        parser.error("--cluster starts its own servers, so --url cannot go with it")
    peer = known[options.peer]()
    if options.url:
        run_on(options.loop, drive(peer, given_server(options.url), options))
        return
    servers = own_cluster() if options.cluster else own_server(with_sentinel=options.peer == "sentinel")
    with servers as target:
        run_on(options.loop, drive(peer, target, options))


if __name__ == "__main__":
    main()
