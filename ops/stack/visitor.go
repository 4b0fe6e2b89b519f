package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"leadlog/events"
)

// visitor is one submission by somebody made up.
type visitor struct {
	from      net.Addr
	phone     string
	typed     string // the phone as it was typed
	again     bool   // whether it was sent before
	form      bool   // posted by the page's form; else by a program, as JSON
	campaign  events.Campaign
	userAgent string
	variant   string
}

// request is what the visitor sends to the edge.
func (v *visitor) request(ctx context.Context, host string) (*http.Request, error) {
	kind, body, err := v.body()
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host+"/api/submit", strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("a visitor's request: %w", err)
	}
	request.Close = true
	request.Header.Set("Content-Type", kind)
	request.Header.Set("User-Agent", v.userAgent)
	if v.form {
		request.Header.Set("Referer", "http://"+host+"/?"+v.utm().Encode())
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return request, nil
}

func (v *visitor) body() (kind, text string, err error) {
	if v.form {
		fields := url.Values{"phone": {v.typed}, "page": {"/"}, "variant": {v.variant}, "consent": {"demo"}}
		return "application/x-www-form-urlencoded", fields.Encode(), nil
	}
	object, err := json.Marshal(map[string]any{
		"phone": v.typed, "page": "/", "campaign": v.campaign, "variant": v.variant, "consent": "demo",
	})
	if err != nil {
		return "", "", fmt.Errorf("a visitor's JSON: %w", err)
	}
	return "application/json", string(object), nil
}

// utm is the campaign as the page's address has it. The form has none: the edge takes it from the Referer.
func (v *visitor) utm() url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"utm_source": v.campaign.Source, "utm_medium": v.campaign.Medium, "utm_campaign": v.campaign.Name,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values
}

// What the visitors come by, and with.
//
//nolint:gochecknoglobals // two tables that nobody changes
var (
	campaigns = []events.Campaign{
		{},
		{Source: "newsletter", Medium: "email", Name: "spring"},
		{Source: "search", Medium: "cpc", Name: "brand"},
		{Source: "search", Medium: "cpc", Name: "generic"},
		{Source: "social", Medium: "paid", Name: "lookalike"},
	}
	userAgents = []string{
		"Mozilla/5.0 (Linux; Android 14; SM-A546B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
	}
)
