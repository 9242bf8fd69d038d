-- Sets a part of a resource aside, after taking back what has expired.
--
-- KEYS    [1] the resource: a hash with `c` (how much is confirmed), `h` (how much is held) and a field for each holder:
--             'c' or 'h', then the amount, a colon, and the time at which it expires
--         [2] its holders by the time at which their parts expire
-- ARGV    [1] the holder (16 bytes), [2] the amount, [3] how much there is in all, [4] when it expires, [5] now
-- Returns 'held', 'confirmed', or how much is left, as a text of digits, when that is not enough
--
-- Atomic. Amounts and times are whole numbers below 2^53, which Lua counts exactly. Writes nothing where there is not enough
-- and nothing has expired: no key for what never was.

local resource, expiries = KEYS[1], KEYS[2]
local holder, amount, limit, expires, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local digits = function(number) return string.format('%.0f', number) end
local part_of = function(text) return string.match(text, '^(%a)(%d+):(-?%d+)$') end

local own = redis.call('HGET', resource, holder)
if own and string.sub(own, 1, 1) == 'c' then return 'confirmed' end

local before = tonumber(redis.call('HGET', resource, 'h') or '0')
local held = before
for _, other in ipairs(redis.call('ZRANGEBYSCORE', expiries, '-inf', now)) do
    if other ~= holder then
        local _, theirs = part_of(redis.call('HGET', resource, other))
        held = held - tonumber(theirs)
        redis.call('HDEL', resource, other)
        redis.call('ZREM', expiries, other)
    end
end
if held ~= before then redis.call('HSET', resource, 'h', digits(held)) end

if own then
    local _, mine, ends = part_of(own)
    local later = math.max(tonumber(ends), expires)
    redis.call('HSET', resource, holder, 'h' .. mine .. ':' .. digits(later))
    redis.call('ZADD', expiries, digits(later), holder)
    return 'held'
end
local confirmed = tonumber(redis.call('HGET', resource, 'c') or '0')
local left = math.max(limit - confirmed - held, 0)
if amount > left then return digits(left) end
redis.call('HSET', resource, 'h', digits(held + amount), holder, 'h' .. digits(amount) .. ':' .. digits(expires))
redis.call('ZADD', expiries, digits(expires), holder)
return 'held'
