-- The load of one run on a registry, for wrk. Arguments: the path of the object, the kind of call,
-- the first number of the run, and the number of users.

local body, at, users

local client = '{"address":null,"user_agent":null}'

-- The first page, as the token list of the page asks for it.
local query = '{"limit":50,"sort":{"column":"created","descending":true},"words":[]}'

local calls = {
  nothing = function()
    return '{"lists":{}}'
  end,
  -- Forty per owner: an owner may have more.
  create = function(number)
    local owner = math.floor(number / 40)
    return string.format(
      '{"create":{"session":{"user":"new-%d","id":"new-%d"},"id":"new-%d","request":' ..
      '{"name":"Benchmark","expires_in_days":30,"organizations":["acme"],' ..
      '"scopes":["pipelines:read","models:read"]},"created_at":%d,"client":' .. client .. '}}',
      owner, owner, number, os.time())
  end,
  list = function(number)
    local user = number * 7919 % users
    return string.format(
      '{"list":{"session":{"user":"user-%d","id":"user-%d"},"query":' .. query .. '}}', user, user)
  end,
  -- Not as the owner, whose calls are limited.
  revoke = function(number)
    return string.format(
      '{"revoke":{"owner":"user-%d","credential":{"token":{"address":null}},"target":"active","client":' .. client .. '}}',
      number % users)
  end,
  lease = function()
    return '{"lease":{"list":0,"since":0,"usage":[]}}'
  end,
}

function init(arguments)
  wrk.path, wrk.method = arguments[1], "POST"
  body, at, users = calls[arguments[2]], tonumber(arguments[3]), tonumber(arguments[4])
end

function request()
  at = at + 1
  return wrk.format(nil, nil, nil, body(at))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'result {"requests":%d,"micros":%d,"denied":%d,"lost":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
