"""A call for every command that a server here has, and why the others are missing.

``@`` stands for a hash tag: all such keys lie in one slot, which the default node does not own.
"""

from __future__ import annotations

DATA = """
SET @string value; SET @number 10; SET @bits foobar; HSET @hash f v n 1; RPUSH @list a b c d e f g;
RPUSH @list2 a b c d e; SADD @set a b c d e; SADD @set2 b c d e; ZADD @zset 1 a 2 b 3 c 4 d 5 e 6 f;
ZADD @zset2 10 b 20 c 30 d 40 e; XADD @stream 1-1 f v; XADD @stream 2-1 f v; PFADD @hll a b;
PFADD @hll2 b c; GEOADD @geo 13.36 38.11 Palermo 15.08 37.5 Catania; XGROUP CREATE @stream group 0
"""

KEYED = """
APPEND @string x; BITCOUNT @bits; BITFIELD @bits GET u8 0; BITFIELD_RO @bits GET u8 0; BITPOS @bits 1;
BITOP AND @dest @bits @string; GETBIT @bits 1; SETBIT @bits 1 0; DECR @number; DECRBY @number 2;
INCR @number; INCRBY @number 2; INCRBYFLOAT @number 0.5; GET @string; GETRANGE @string 0 1;
GETSET @string new; SET @string v; SETNX @string v; SETEX @new 100 v; PSETEX @new 10000 v;
SETRANGE @string 1 x; STRLEN @string; SUBSTR @string 0 1; GETEX @string; GETDEL @new; LCS @string @number;
MSETNX @m1 1 @m2 2; MSETEX 2 @m1 1 @m2 2 EX 100; DELIFEQ @new nothing; DUMP @string;
RESTORE @restored 0 nonsense; RESTORE-ASKING @restored 0 nonsense; COPY @string @copied; MOVE @string 1;
RENAME @copied @renamed; RENAMENX @renamed @string; TYPE @string; EXPIRE @string 100;
EXPIREAT @string 4102444800; EXPIRETIME @string; PEXPIRE @string 100000; PEXPIREAT @string 4102444800000;
PEXPIRETIME @string; PTTL @string; TTL @string; PERSIST @string; OBJECT ENCODING @string;
OBJECT FREQ @string; OBJECT IDLETIME @string; OBJECT REFCOUNT @string; MEMORY USAGE @string;
MIGRATE 127.0.0.1 1 @missing 0 100; MIGRATE 127.0.0.1 1 '' 0 100 KEYS @missing @none; SORT @list ALPHA;
SORT @list ALPHA STORE @sorted; SORT_RO @list ALPHA; HDEL @hash x; HEXISTS @hash f; HGET @hash f;
HGETALL @hash; HINCRBY @hash n 1; HINCRBYFLOAT @hash n 0.5; HKEYS @hash; HLEN @hash; HMGET @hash f n;
HMSET @hash g 1; HRANDFIELD @hash; HSCAN @hash 0; HSET @hash h 1; HSETNX @hash h 1; HSTRLEN @hash f;
HVALS @hash; HEXPIRE @hash 100 FIELDS 1 f; HPEXPIRE @hash 100000 FIELDS 1 f;
HEXPIREAT @hash 4102444800 FIELDS 1 f; HPEXPIREAT @hash 4102444800000 FIELDS 1 f; HTTL @hash FIELDS 1 f;
HPTTL @hash FIELDS 1 f; HEXPIRETIME @hash FIELDS 1 f; HPEXPIRETIME @hash FIELDS 1 f;
HPERSIST @hash FIELDS 1 f; HGETEX @hash FIELDS 1 f; HSETEX @hash EX 100 FIELDS 1 h 1;
HGETDEL @hash FIELDS 1 h; LINDEX @list 0; LINSERT @list BEFORE b x; LLEN @list;
LMOVE @list @list2 LEFT RIGHT; LMPOP 2 @missing @list LEFT; LPOP @list; LPOS @list c; LPUSH @list x;
LPUSHX @list x; LRANGE @list 0 1; LREM @list 1 x; LSET @list 0 y; LTRIM @list 0 9; RPOP @list;
RPOPLPUSH @list @list2; RPUSH @list x; RPUSHX @list x; BLMOVE @list @list2 LEFT RIGHT 1;
BLMPOP 1 2 @missing @list LEFT; BLPOP @missing @list 1; BRPOP @missing @list2 1; BRPOPLPUSH @list2 @list 1;
BZMPOP 1 2 @missing @zset MIN; BZPOPMIN @zset 1; BZPOPMAX @missing @zset 1; SADD @set x; SCARD @set;
SDIFF @set @set2; SDIFFSTORE @dest1 @set @set2; SINTER @set @set2; SINTERCARD 2 @set @set2;
SINTERSTORE @dest1 @set @set2; SISMEMBER @set a; SMEMBERS @set; SMISMEMBER @set a z; SMOVE @set @set2 a;
SPOP @set; SRANDMEMBER @set; SREM @set b; SSCAN @set 0; SUNION @set @set2; SUNIONSTORE @dest1 @set @set2;
ZADD @zset 1 x; ZCARD @zset; ZCOUNT @zset 0 9; ZDIFF 2 @zset @zset2; ZDIFFSTORE @dest2 2 @zset @zset2;
ZINCRBY @zset 1 x; ZINTER 2 @zset @zset2; ZINTERCARD 2 @zset @zset2; ZINTERSTORE @dest2 2 @zset @zset2;
ZLEXCOUNT @zset - +; ZMPOP 2 @missing @zset MIN; ZMSCORE @zset x y; ZPOPMAX @zset; ZPOPMIN @zset;
ZRANDMEMBER @zset2; ZRANGE @zset2 0 1; ZRANGEBYLEX @zset2 - +; ZRANGEBYSCORE @zset2 0 9; ZRANK @zset2 b;
ZRANGESTORE @dest2 @zset2 0 1; ZREM @zset2 b; ZREMRANGEBYLEX @zset2 [x [y; ZREMRANGEBYRANK @zset2 5 6;
ZREMRANGEBYSCORE @zset2 1 2; ZREVRANGE @zset2 0 1; ZREVRANGEBYLEX @zset2 + -; ZREVRANGEBYSCORE @zset2 9 0;
ZREVRANK @zset2 c; ZSCAN @zset2 0; ZSCORE @zset2 c; ZUNION 2 @zset @zset2;
ZUNIONSTORE @dest2 2 @zset @zset2; XADD @stream * f v; XLEN @stream; XRANGE @stream - +;
XREVRANGE @stream + -; XREAD COUNT 1 STREAMS @stream 0; XREAD BLOCK 1 STREAMS @stream @stream $ $;
XREADGROUP GROUP group me STREAMS @stream >; XREADGROUP GROUP group me BLOCK 1 STREAMS @stream >;
XACK @stream group 1-1; XAUTOCLAIM @stream group other 0 0; XCLAIM @stream group other 0 2-1;
XPENDING @stream group; XGROUP CREATE @stream another 0; XGROUP CREATECONSUMER @stream group new;
XGROUP DELCONSUMER @stream group new; XGROUP SETID @stream group 0; XGROUP DESTROY @stream another;
XINFO CONSUMERS @stream group; XINFO GROUPS @stream; XINFO STREAM @stream; XDEL @stream 1-1;
XSETID @stream 999999999999999-1; XTRIM @stream MAXLEN 1; GEOADD @geo 12.5 41.9 Rome;
GEODIST @geo Palermo Catania; GEOHASH @geo Palermo; GEOPOS @geo Palermo; GEORADIUS @geo 15 37 200 km;
GEORADIUS @geo 15 37 200 km STORE @dest2; GEORADIUSBYMEMBER @geo Palermo 200 km;
GEORADIUSBYMEMBER_RO @geo Palermo 200 km; GEORADIUS_RO @geo 15 37 200 km;
GEOSEARCH @geo FROMMEMBER Palermo BYRADIUS 200 km;
GEOSEARCHSTORE @dest2 @geo FROMMEMBER Palermo BYRADIUS 200 km; PFADD @hll x; PFCOUNT @hll @hll2;
PFMERGE @dest3 @hll @hll2; PFDEBUG ENCODING @hll; EVAL 'return KEYS[1]' 1 @string;
EVAL_RO 'return KEYS[1]' 1 @string; EVAL 'return 1' 0; FCALL echo 1 @string x; FCALL_RO echo 1 @string x;
FCALL echo 0 x; EVALSHA ffffffffffffffffffffffffffffffffffffffff 1 @string;
EVALSHA_RO ffffffffffffffffffffffffffffffffffffffff 1 @string; SPUBLISH @channel message; CLUSTERSCAN 0;
DEL @missing another third; EXISTS @missing another third; MGET @string another third;
TOUCH @string another third; MSET @string 1 another 2 third 3; UNLINK another third
"""

ELSEWHERE = """
DBSIZE; KEYS *; PING; RANDOMKEY; SCAN 0; SCRIPT EXISTS ffffffffffffffffffffffffffffffffffffffff;
SCRIPT KILL; WAIT 0 1; WAITAOF 0 0 1; FUNCTION LIST; FUNCTION STATS; FUNCTION KILL; FUNCTION DUMP;
FUNCTION RESTORE nonsense; FUNCTION LOAD nonsense; FUNCTION DELETE missing;
CLUSTER SLOT-STATS SLOTSRANGE 0 10; ECHO hello; PUBLISH channel message; ACL DELUSER nobody;
ACL SETUSER nobody on; ACL SAVE; CLIENT SETINFO lib-name x; CLIENT SETNAME name; CLUSTER SAVECONFIG;
CONFIG RESETSTAT; CONFIG REWRITE; CONFIG SET maxmemory-samples 5; PUBSUB CHANNELS; PUBSUB NUMPAT;
PUBSUB NUMSUB channel; PUBSUB SHARDCHANNELS; PUBSUB SHARDNUMSUB channel; SCRIPT LOAD 'return 1';
SCRIPT FLUSH; CLUSTER COUNTKEYSINSLOT 16000; CLUSTER GETKEYSINSLOT 16000 5; CLUSTER DELSLOTS 99999;
CLUSTER DELSLOTSRANGE 99999 99999; CLUSTER SETSLOT 16000 STABLE; ACL CAT; ACL DRYRUN default GET x;
ACL GENPASS; ACL GETUSER default; ACL HELP; ACL LIST; ACL LOAD; ACL LOG; ACL USERS; ACL WHOAMI;
BGREWRITEAOF; BGSAVE; CLIENT GETNAME; CLIENT GETREDIR; CLIENT HELP; CLIENT ID; CLIENT INFO;
CLIENT KILL ID 999999999; CLIENT LIST; CLIENT PAUSE 1; CLIENT UNPAUSE; CLIENT TRACKINGINFO;
CLIENT UNBLOCK 999999999; CLUSTER COUNT-FAILURE-REPORTS nobody; CLUSTER HELP; CLUSTER INFO;
CLUSTER KEYSLOT x; CLUSTER MEET nonsense 1; CLUSTER MYSHARDID; CLUSTER NODES; CLUSTER REPLICAS nobody;
CLUSTER RESET nonsense; CLUSTER SET-CONFIG-EPOCH 7; CLUSTER SHARDS; CLUSTER SLAVES nobody; CLUSTER SLOTS;
COMMAND; COMMAND COUNT; COMMAND DOCS get; COMMAND GETKEYS GET x; COMMAND GETKEYSANDFLAGS GET x;
COMMAND HELP; COMMAND INFO get; COMMAND LIST; COMMANDLOG GET 1 slow; COMMANDLOG HELP; COMMANDLOG LEN slow;
COMMANDLOG RESET slow; CONFIG GET port; CONFIG HELP; DEBUG HELP; DEBUG OBJECT @string; FAILOVER ABORT;
FUNCTION HELP; INFO; LASTSAVE; LATENCY DOCTOR; LATENCY GRAPH event; LATENCY HELP; LATENCY HISTOGRAM get;
LATENCY HISTORY event; LATENCY LATEST; LATENCY RESET; LOLWUT; MEMORY DOCTOR; MEMORY HELP;
MEMORY MALLOC-STATS; MEMORY PURGE; MEMORY STATS; MODULE HELP; MODULE LIST; MODULE LOAD /nowhere;
MODULE LOADEX /nowhere; MODULE UNLOAD nothing; OBJECT HELP; PUBSUB HELP; REPLCONF nonsense 1;
REPLICAOF NO ONE; SLAVEOF NO ONE; ROLE; SAVE; SCRIPT DEBUG NO; SCRIPT HELP;
SCRIPT SHOW ffffffffffffffffffffffffffffffffffffffff; SHUTDOWN ABORT; SLOWLOG GET; SLOWLOG HELP;
SLOWLOG LEN; SLOWLOG RESET; SWAPDB 0 1; TIME; XGROUP HELP; XINFO HELP; FLUSHALL; FLUSHDB; FUNCTION FLUSH
"""

AT_A_NAMED_NODE = """
CLUSTER ADDSLOTS 16000; CLUSTER ADDSLOTSRANGE 16000 16001; CLUSTER BUMPEPOCH; CLUSTER CANCELSLOTMIGRATIONS;
CLUSTER FAILOVER nonsense; CLUSTER FLUSHSLOT 16000; CLUSTER FLUSHSLOTS; CLUSTER FORGET nobody;
CLUSTER GETSLOTMIGRATIONS; CLUSTER LINKS; CLUSTER MIGRATESLOTS SLOTSRANGE 16000 16000 NODE nobody;
CLUSTER MYID; CLUSTER REPLICATE nobody; CLUSTER SYNCSLOTS nonsense x
"""

EXCUSED = {
    "PFSELFTEST": "it keeps a server busy for seconds, and is routed as any command without keys",
}

NO_SERVER_HERE_HAS_IT = {
    "of Redis 8": "AR BACKUP BLMOVEM CLUSTER|MIGRATION DELEX DIGEST HOTKEYS INCREX LMOVEM SDIFFCARD "
    "SUNIONCARD TRIMSLOTS V XACKDEL XCFGSET XDELEX XIDMPRECORD XNACK",
    "of modules": "BF. CF. CMS. FT. GRAPH. JSON. TDIGEST. TOPK. TS. TFCALL TFUNCTION REDISGEARS_2.",
    "of servers before Redis 7": "STRALGO",
}
"""Beginnings of names. They are sent all the same, and must be answered by 'unknown command'."""
