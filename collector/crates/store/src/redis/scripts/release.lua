-- Gives back what a holder has reserved and not confirmed.
--
-- KEYS    [1] the resource, [2] its holders by the time at which their parts expire; both as in reserve.lua
-- ARGV    [1] the holder
-- Returns 1 when something was given back
--
-- Atomic.

local own = redis.call('HGET', KEYS[1], ARGV[1])
if not own or string.sub(own, 1, 1) == 'c' then return 0 end
local amount = tonumber(string.match(own, '^h(%d+):'))
local held = tonumber(redis.call('HGET', KEYS[1], 'h') or '0')
redis.call('HSET', KEYS[1], 'h', string.format('%.0f', held - amount))
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
