-- Reads a sorted set on from a place, which need not be in it.
--
-- KEYS    [1] the sorted set
-- ARGV    [1] the score and [2] the member of the place, [3] how many entries at most
-- Returns the entries strictly after it, by rising score and, among equals, by rising bytes: member, score, member, score, …
--
-- Reads only. Looks for the place among entries of equal score by halving, so that many of one score cost little.

local key, score, member, limit = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])

-- Whether `a` comes after `b`, compared as bytes (Lua's `<` asks the locale).
local function after(a, b)
    for at = 1, math.min(#a, #b) do
        local x, y = string.byte(a, at), string.byte(b, at)
        if x ~= y then return x > y end
    end
    return #a > #b
end

local low = redis.call('ZCOUNT', key, '-inf', '(' .. score)
local high = redis.call('ZCOUNT', key, '-inf', score)
while low < high do
    local middle = math.floor((low + high) / 2)
    if after(redis.call('ZRANGE', key, middle, middle)[1], member) then
        high = middle
    else
        low = middle + 1
    end
end
return redis.call('ZRANGE', key, low, low + limit - 1, 'WITHSCORES')
