-- The load of one run on a registry, for wrk. Arguments: the path of the object, the kind of call,
-- the first number of the run, and the number of users.

local body, at, users

local calls = {
  nothing = function()
    return '{"lists":{}}'
  end,
  -- Forty per owner: an owner may have more.
  create = function(number)
    return string.format(
      '{"create":{"owner":"new-%d","id":"new-%d","name":"Benchmark","organizations":["acme"],' ..
      '"scopes":["pipelines:read","models:read"],"created_at":%d,"expires_at":%d}}',
      math.floor(number / 40), number, os.time(), os.time() + 30 * 86400)
  end,
  list = function(number)
    return string.format('{"list":{"owner":"user-%d"}}', number * 7919 % users)
  end,
  -- Not as the owner, whose calls are limited.
  revoke = function(number)
    return string.format('{"revoke":{"owner":"user-%d","target":"active","by":"itself"}}', number % users)
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
