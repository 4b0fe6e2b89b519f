-- Posts a new phone with every request, so that each is claimed and opens a window.
math.randomseed(os.time())
local n = math.random(0, 999999) * 1000
wrk.method = "POST"
wrk.path = "/api/submit"
wrk.headers["Content-Type"] = "application/json"
function request()
  n = n + 1
  return wrk.format(nil, nil, nil, string.format('{"phone":"+%014d"}', 10000000000000 + n))
end
