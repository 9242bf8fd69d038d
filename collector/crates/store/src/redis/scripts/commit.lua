-- Changes leads, each if it still has the version expected and was not erased.
--
-- KEYS    for each change, in turn:
--           the lead, its site's heat index, and of its partition: the wake index, the tombstones, the floor of versions;
--           and only if it has messages: the outbox, the index of messages by lead
-- ARGV    [1] seconds after which a lead that nobody changes goes by itself
--         then for each change, in turn:
--           the lead's name (visitor, then site), the digest of its tombstone, the version expected (8 bytes; zeros: there
--           is none), its new value (its version, 8 bytes, then what the script does not read) or '' to remove it,
--           its score in the heat index or '', its score in the wake index,
--           how many messages it has, and these
-- Returns one string with 9 bytes for each change:
--           A version   all of it is written
--           C version   nothing is written: the lead has this version
--           E zeros     nothing is written: the lead was erased
--           F version   nothing is written: a version not above this one was drawn for a lead that is new; draw again
--           B zeros     nothing is written: what lies there is not a lead
--
-- Atomic for each change, since a script is. What can fail for want of memory (SET) comes first, so that it fails whole.
-- Every key of one call lies in one slot.

local NONE = string.rep('\0', 8)

-- Whether the version `a` is above `b`: of 8 bytes, compared as bytes (Lua's `<` asks the locale).
local function above(a, b)
    for at = 1, 8 do
        local x, y = string.byte(a, at), string.byte(b, at)
        if x ~= y then return x > y end
    end
    return false
end

local argument, key = 1, 0
local function arg()
    argument = argument + 1
    return ARGV[argument]
end

local outcomes = {}
while argument < #ARGV do
    local lead, heat, wake = KEYS[key + 1], KEYS[key + 2], KEYS[key + 3]
    local tombstones, floor = KEYS[key + 4], KEYS[key + 5]
    local name, digest, expected, value = arg(), arg(), arg(), arg()
    local heat_score, wake_score, messages = arg(), arg(), tonumber(arg())
    local first_message = argument + 1
    argument = argument + messages
    key = key + 5
    local outbox, of_lead
    if messages > 0 then
        outbox, of_lead = KEYS[key + 1], KEYS[key + 2]
        key = key + 2
    end

    local head = redis.call('GETRANGE', lead, 0, 7)
    local current = head == '' and NONE or head
    local outcome
    if redis.call('ZSCORE', tombstones, digest) then
        outcome = 'E' .. NONE
    elseif head ~= '' and #head < 8 then
        outcome = 'B' .. NONE
    elseif current ~= expected then
        outcome = 'C' .. current
    elseif value == '' then
        if head ~= '' then
            local highest = redis.call('GET', floor)
            if not highest or above(current, highest) then redis.call('SET', floor, current) end
            redis.call('DEL', lead)
        end
        -- Also where there is no lead: one that went by itself has left its entries.
        redis.call('ZREM', heat, string.sub(name, 1, 16))
        redis.call('ZREM', wake, name)
        outcome = 'A' .. NONE
    else
        local version = string.sub(value, 1, 8)
        local highest = head == '' and redis.call('GET', floor)
        if highest and not above(version, highest) then
            outcome = 'F' .. highest
        else
            redis.call('SET', lead, value, 'EX', ARGV[1])
            if heat_score ~= '' then
                redis.call('ZADD', heat, heat_score, string.sub(name, 1, 16))
            else
                -- Also of a lead that is new: one that went by itself has left its entry.
                redis.call('ZREM', heat, string.sub(name, 1, 16))
            end
            redis.call('ZADD', wake, wake_score, name)
            outcome = 'A' .. version
        end
    end
    if string.byte(outcome) == 65 then
        for at = first_message, argument do
            local id = redis.call('XADD', outbox, '*', 'n', name, 'm', ARGV[at])
            redis.call('ZADD', of_lead, 0, name .. '\0' .. id)
        end
    end
    outcomes[#outcomes + 1] = outcome
end
return table.concat(outcomes)
