-- Forward-auth for HAProxy: asks Patrol, then sets the caller's headers or answers with the refusal.

local PATROL = "http://patrol.internal:8787/.patrol/authorize"

-- What Patrol decides by.
local ASKED = { "authorization", "x-organization-id", "x-forwarded-for", "x-real-ip", "origin",
  "cookie", "upgrade-insecure-requests", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest",
  "sec-websocket-protocol" }

-- What the API gets of the answer.
local CALLER = { "x-patrol-subject", "x-patrol-token-id", "x-patrol-organization",
  "x-patrol-organizations", "x-patrol-scopes", "x-organization-id" }

-- What the client gets of a refusal.
local REFUSAL = { "content-type", "cache-control", "www-authenticate", "retry-after",
  "access-control-allow-origin", "access-control-expose-headers" }

local UNAVAILABLE = '{"type":"urn:patrol:problem:revocation-unavailable",'
  .. '"title":"Token status unavailable","status":503,'
  .. '"detail":"Whether the token was revoked cannot be checked right now. Try again in a moment.",'
  .. '"code":"revocation-unavailable"}'

-- The values of a header, from 1.
local function values(headers, name)
  local all = {}
  for number, value in pairs(headers[name] or {}) do all[number + 1] = value end
  return all
end

core.register_action("patrol", { "http-req" }, function(txn)
  local sent = txn.http:req_get_headers()
  local asked = {
    host = values(sent, "host"),
    ["x-forwarded-method"] = { txn.sf:method() },
    ["x-forwarded-uri"] = { txn.sf:pathq() },
  }
  for _, name in ipairs(ASKED) do
    if sent[name] then asked[name] = values(sent, name) end
  end
  local answer = core.httpclient():get({ url = PATROL, headers = asked, timeout = 15000 })

  if answer.status == 200 then
    for _, name in ipairs(CALLER) do
      local value = values(answer.headers, name)[1] or ""
      if value == "" then
        txn.http:req_del_header(name)
      else
        txn.http:req_set_header(name, value)
      end
    end
    return
  end

  local reply = txn:reply()
  -- HAProxy answers for a server that does not.
  if values(answer.headers or {}, "content-type")[1] == "application/problem+json" then
    reply:set_status(answer.status)
    for _, name in ipairs(REFUSAL) do
      for _, value in ipairs(values(answer.headers, name)) do reply:add_header(name, value) end
    end
    reply:set_body(answer.body)
  else
    reply:set_status(503)
    reply:add_header("content-type", "application/problem+json")
    reply:add_header("retry-after", "1")
    reply:add_header("cache-control", "no-store")
    reply:add_header("access-control-allow-origin", "*")
    reply:set_body(UNAVAILABLE)
  end
  txn:done(reply)
end)
