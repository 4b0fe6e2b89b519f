package submit

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What must never become an event, and what it is told.
func TestHostileBodiesAreRefused(t *testing.T) {
	t.Parallel()
	long := `{"phone":"09121234567","page":"` + strings.Repeat("x", maxBody) + `"}`
	for name, c := range map[string]struct {
		request *http.Request
		status  int
		code    string
	}{
		"empty JSON":              {post(asJSON, ""), 400, "empty_body"},
		"empty form":              {post(asForm, ""), 400, "empty_body"},
		"truncated":               {post(asJSON, `{"phone":"0912123`), 400, "invalid_json"},
		"cut after the value":     {post(asJSON, `{"phone":"09121234567"`), 400, "invalid_json"},
		"two documents":           {post(asJSON, good+good), 400, "invalid_json"},
		"trailing bytes":          {post(asJSON, good+"x"), 400, "invalid_json"},
		"a key twice":             {post(asJSON, `{"phone":"09121234567","phone":"09121234568"}`), 400, "invalid_json"},
		"a key twice, escaped":    {post(asJSON, `{"phone":"09121234567","\u0070hone":"09121234568"}`), 400, "invalid_json"},
		"another case":            {post(asJSON, `{"PHONE":"09121234567"}`), 400, "unknown_field"},
		"an unknown field":        {post(asJSON, `{"phone":"09121234567","ip":"1.1.1.1"}`), 400, "unknown_field"},
		"an unknown utm":          {post(asJSON, `{"phone":"09121234567","campaign":{"utm_x":"y"}}`), 400, "unknown_field"},
		"a utm twice":             {post(asJSON, `{"phone":"09121234567","campaign":{"utm_term":"y","utm_term":"z"}}`), 400, "invalid_json"},
		"the campaign twice":      {post(asJSON, `{"phone":"09121234567","campaign":{},"campaign":{}}`), 400, "invalid_json"},
		"a campaign that is none": {post(asJSON, `{"phone":"09121234567","campaign":"spring"}`), 400, "invalid_field"},
		"an array":                {post(asJSON, `[]`), 400, "invalid_json"},
		"a number":                {post(asJSON, `12`), 400, "invalid_json"},
		"a string":                {post(asJSON, `"09121234567"`), 400, "invalid_json"},
		"null":                    {post(asJSON, `null`), 400, "invalid_json"},
		"an object without it":    {post(asJSON, `{}`), 400, "invalid_phone"},
		"phone null":              {post(asJSON, `{"phone":null}`), 400, "invalid_phone"},
		"phone a number":          {post(asJSON, `{"phone":989121234567}`), 400, "invalid_phone"},
		"phone an object":         {post(asJSON, `{"phone":{}}`), 400, "invalid_phone"},
		"phone an array":          {post(asJSON, `{"phone":["09121234567"]}`), 400, "invalid_phone"},
		"page null":               {post(asJSON, `{"phone":"09121234567","page":null}`), 400, "invalid_field"},
		"bytes ff fe":             {post(asJSON, "\xff\xfe{}"), 400, "invalid_json"},
		"bad UTF-8 in a text":     {post(asJSON, "{\"phone\":\"09121234567\",\"page\":\"\xff\"}"), 400, "invalid_json"},
		"a lone surrogate":        {post(asJSON, `{"phone":"09121234567","page":"\ud800"}`), 400, "invalid_json"},
		"NUL in the phone":        {post(asJSON, `{"phone":"0912123\u00004567"}`), 400, "invalid_phone"},
		"NUL in a text":           {post(asJSON, `{"phone":"09121234567","consent":"\u0000"}`), 400, "invalid_field"},
		"NUL in a utm":            {post(asJSON, `{"phone":"09121234567","campaign":{"utm_term":"\u0000"}}`), 400, "invalid_field"},
		"depth":                   {post(asJSON, `{"phone":`+strings.Repeat("[", 2000)), 400, "invalid_phone"},
		"depth alone":             {post(asJSON, strings.Repeat("[", 4000)), 400, "invalid_json"},
		"one byte too long":       {post(asJSON, long[:maxBody+1]), 413, "body_too_large"},
		"UTF-16":                  {post("application/json; charset=utf-16", good), 415, "unsupported_media_type"},
		"no content type":         {post("", good), 415, "unsupported_media_type"},
		"two content types":       {post(asJSON, good, "Content-Type", asForm), 415, "unsupported_media_type"},
		"text/plain":              {post("text/plain", good), 415, "unsupported_media_type"},
		"multipart":               {post("multipart/form-data; boundary=x", good), 415, "unsupported_media_type"},
		"gzip":                    {post(asJSON, good, "Content-Encoding", "gzip"), 415, "unsupported_content_encoding"},
		"gzip, hidden":            {post(asJSON, good, "Content-Encoding", "identity, gzip"), 415, "unsupported_content_encoding"},
		"form, phone twice":       {post(asForm, "phone=09121234567&phone=09121234568"), 400, "repeated_field"},
		"form, twice and escaped": {post(asForm, "phone=09121234567&%70hone=09121234568"), 400, "repeated_field"},
		"form, utm twice":         {post(asForm, "phone=09121234567&utm_term=a&utm_term=b"), 400, "repeated_field"},
		"form, %00":               {post(asForm, "phone=09121234567&page=%00"), 400, "invalid_field"},
		"form, %ff":               {post(asForm, "phone=09121234567&page=%ff"), 400, "invalid_field"},
		"form, %zz":               {post(asForm, "phone=09121234567&page=%zz"), 400, "invalid_field"},
		"form, raw ff":            {post(asForm, "phone=09121234567&utm_source=\xff"), 400, "invalid_field"},
		"form, key too short":     {post(asForm, "phone=09121234567&idempotency_key=short"), 400, "invalid_idempotency_key"},
		"key too short":           {post(asJSON, good, "Idempotency-Key", "short"), 400, "invalid_idempotency_key"},
		"key too long":            {post(asJSON, good, "Idempotency-Key", strings.Repeat("k", 256)), 400, "invalid_idempotency_key"},
		"key empty":               {post(asJSON, good, "Idempotency-Key", ""), 400, "invalid_idempotency_key"},
		"two keys":                {post(asJSON, good, "Idempotency-Key", "0123456789abcdef", "Idempotency-Key", "0123456789abcdef"), 400, "invalid_idempotency_key"},
		"a key here, one there":   {post(asForm, "phone=09121234567&idempotency_key=0123456789abcdeX", "Idempotency-Key", "0123456789abcdef"), 400, "invalid_idempotency_key"},
		"a formula":               {post(asJSON, `{"phone":"=cmd()"}`), 400, "invalid_phone"},
		"40 digits":               {post(asJSON, `{"phone":"`+strings.Repeat("9", 40)+`"}`), 400, "invalid_phone"},
		"letters":                 {post(asJSON, `{"phone":"call me maybe"}`), 400, "invalid_phone"},
		"00 prefix":               {post(asJSON, `{"phone":"00989121234567"}`), 400, "use_plus_prefix"},
		"cross-site":              {post(asForm, "phone=09121234567", "Sec-Fetch-Site", "cross-site"), 403, "forbidden_origin"},
		"another origin":          {post(asJSON, good, "Origin", "https://evil.example"), 403, "forbidden_origin"},
		"null origin":             {post(asForm, "phone=09121234567", "Origin", "null"), 403, "forbidden_origin"},
	} {
		e := newEndpoint(t)
		c.request.Header.Set("Accept", "application/json")
		w := e.send(c.request)
		if w.Code != c.status || !strings.Contains(w.Body.String(), `"error":"`+c.code+`"`) {
			t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, c.status, c.code)
		}
		if len(e.world.diary) > 0 {
			t.Errorf("%s: was refused, but %v happened", name, e.world.diary)
		}
		if c.status == 413 && w.Header().Get("Connection") != "close" {
			t.Errorf("%s: the connection stays open with half a body in it", name)
		}
	}
}

func TestAPhoneInTheAddressIsRefused(t *testing.T) {
	t.Parallel()
	for query, refused := range map[string]bool{
		"phone=09121234567": true, "a=b&phone=1": true, "a=b;phone=1": true, "%70hone=1": true, "PHONE=1": true, "phone": true,
		"": false, "utm_source=x": false, "lang=en": false, "telephone=1": false, "a=phone": false,
	} {
		e := newEndpoint(t)
		r := post(asJSON, good)
		r.URL.RawQuery = query
		if w := e.send(r); (w.Code == http.StatusBadRequest) != refused {
			t.Errorf("?%s: %d %s", query, w.Code, w.Body)
		}
	}
}

func TestWhatIsFineIsTaken(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*http.Request{
		"charset":               post("application/json; charset=UTF-8", good),
		"form with charset":     post(asForm+";charset=utf-8", "phone=09121234567"),
		"identity":              post(asJSON, good, "Content-Encoding", "identity"),
		"white space":           post(asJSON, "\n { \"phone\" : \"09121234567\" } \n"),
		"other names in a form": post(asForm, "phone=09121234567&csrf=1&csrf=2&%zz=3"),
		"own origin":            post(asForm, "phone=09121234567", "Origin", "https://example.com", "Sec-Fetch-Site", "same-origin"),
		"own origin, old":       post(asForm, "phone=09121234567", "Origin", "http://example.com"),
		"typed into a program":  post(asJSON, good, "Sec-Fetch-Site", "none"),
		"exactly 4 KiB":         post(asJSON, `{"phone":"09121234567","page":"`+strings.Repeat("x", maxBody-len(good)-len(`,"page":""`))+`"}`),
	} {
		e := newEndpoint(t)
		if w := e.send(r); w.Code != http.StatusAccepted && w.Code != http.StatusSeeOther {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		e.world.event(t)
	}
}

func TestOtherSitesMayPostOnlyWhenAllowed(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, func(c *Config) {
		var err error
		if c.Origins, err = ParseOrigins("https://shop.example, https://Other.example:8443"); err != nil {
			t.Fatal(err)
		}
	})
	for origin, allowed := range map[string]bool{
		"https://shop.example": true, "https://other.example:8443": true,
		"http://shop.example": false, "https://shop.example.evil": false, "null": false,
	} {
		w := e.send(post(asJSON, good, "Origin", origin, "Sec-Fetch-Site", "cross-site"))
		if (w.Code == http.StatusAccepted) != allowed || (w.Header().Get("Access-Control-Allow-Origin") == origin) != allowed {
			t.Errorf("post from %s: %d %v", origin, w.Code, w.Header())
		}
		preflight := httptest.NewRequest(http.MethodOptions, "/api/submit", nil)
		preflight.Header.Set("Origin", origin)
		preflight.Header.Set("Access-Control-Request-Method", "POST")
		w = httptest.NewRecorder()
		e.Preflight(w, preflight)
		if (w.Header().Get("Access-Control-Allow-Origin") == origin) != allowed || w.Header().Get("Vary") != "Origin" {
			t.Errorf("preflight from %s: %d %v", origin, w.Code, w.Header())
		}
	}
	for _, bad := range []string{"*", "shop.example", "https://shop.example/path", "null"} {
		if _, err := ParseOrigins(bad); err == nil || !strings.Contains(err.Error(), "ALLOWED_ORIGINS") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
