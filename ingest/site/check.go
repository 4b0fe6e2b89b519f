package site

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// check is what the schema can't say.
func (s *Site) check() error {
	seen := make(map[string]int, len(s.Variants))
	for i, v := range s.Variants {
		if first, twice := seen[v.Name]; twice {
			return fmt.Errorf("variants[%d].name: %q is variants[%d]'s name: give each variant its own", i, v.Name, first)
		}
		seen[v.Name] = i
	}
	if s.Thanks == "" || IsLocalPath(s.Thanks) {
		return nil
	}
	if err := checkThanks(s.Thanks); err != nil {
		return fmt.Errorf("thanks: %w: use a path of this site, such as /thanks, or an https:// address", err)
	}
	return nil
}

func checkThanks(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || strings.Contains(address, `\`):
		return errors.New("this is not an address")
	case strings.HasPrefix(address, "/"):
		return errors.New("browsers take this for another site")
	case u.User != nil:
		return errors.New("an address must not hold a user or a password")
	case !isHost(u.Host):
		return errors.New("the host must be a plain name or address (an international one in its xn-- form)")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return errors.New("http:// is for this computer only")
	}
	return nil
}

// isHost takes what may stand in a header as it is: a name or an address, with or without a port.
func isHost(host string) bool {
	return host != "" && strings.Trim(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") == ""
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// IsLocalPath says whether a text leads to this site, for every browser: they read a backslash as a slash, and drop control
// characters, so that /\evil.example and /<TAB>/evil.example lead elsewhere.
func IsLocalPath(text string) bool {
	if !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || strings.ContainsRune(text, '\\') {
		return false
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	u, err := url.Parse(text)
	return err == nil && u.Host == "" && u.Scheme == ""
}
