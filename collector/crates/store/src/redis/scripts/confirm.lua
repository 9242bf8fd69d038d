-- Spends what a holder has reserved, for good.
--
-- KEYS    [1] the resource, [2] its holders by the time at which their parts expire; both as in reserve.lua
-- ARGV    [1] the holder
-- Returns 1 when the part is spent, also when it was before; 0 when the holder has none
--
-- Atomic.

local own = redis.call('HGET', KEYS[1], ARGV[1])
if not own then return 0 end
if string.sub(own, 1, 1) == 'c' then return 1 end
local amount = tonumber(string.match(own, '^h(%d+):'))
local digits = function(number) return string.format('%.0f', number) end
local confirmed = tonumber(redis.call('HGET', KEYS[1], 'c') or '0')
local held = tonumber(redis.call('HGET', KEYS[1], 'h') or '0')
redis.call(
    'HSET', KEYS[1],
    'c', digits(confirmed + amount), 'h', digits(held - amount), ARGV[1], 'c' .. string.sub(own, 2)
)
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
