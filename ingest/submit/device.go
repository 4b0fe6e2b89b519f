package submit

import "strings"

// deviceOf reads the class of a device from its user agent: mobile, tablet, desktop, bot or other. It is a hint for
// analysts; nobody is judged by it.
func deviceOf(userAgent string) string {
	has := func(marks ...string) bool {
		for _, mark := range marks {
			if strings.Contains(userAgent, mark) {
				return true
			}
		}
		return false
	}
	switch {
	case has("bot", "Bot", "crawl", "spider", "Spider", "curl/", "Wget/", "python-", "Go-http-client"):
		return "bot"
	case has("iPad", "Tablet", "tablet"), has("Android") && !has("Mobile"):
		return "tablet"
	case has("Mobi", "iPhone", "iPod"):
		return "mobile"
	case has("Windows NT", "Macintosh", "X11", "CrOS"):
		return "desktop"
	}
	return "other"
}
