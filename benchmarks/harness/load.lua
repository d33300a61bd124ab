-- Posts the bodies of a file in turn. Arguments: the file, path, content type, accepted type.
-- The file holds, for each body, its length as a line of text and then the body itself.
local requests, turn = {}, 0

function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    local headers = {["Content-Type"] = arguments[3], ["Accept"] = arguments[4]}
    while true do
        local length = file:read("*l")
        if not length then break end
        local body = file:read(tonumber(length))
        requests[#requests + 1] = wrk.format("POST", arguments[2], headers, body)
    end
    file:close()
end

function request()
    turn = turn % #requests + 1
    return requests[turn]
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        '{"requests": %d, "microseconds": %d, "bytes": %d, "status": %d, "connect": %d, "read": %d, "write": %d, '
        .. '"timeout": %d, "p50": %d, "p99": %d, "max": %d}\n',
        summary.requests, summary.duration, summary.bytes, errors.status, errors.connect, errors.read, errors.write,
        errors.timeout, latency:percentile(50), latency:percentile(99), latency.max))
end
