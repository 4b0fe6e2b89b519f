// Package browser opens the landing page in a real Chromium and does what visitors do, with JavaScript and without, and looks at
// the log afterwards. The edge is the real one, in this process; its broker is a fake one. The tests are skipped where there is no
// chromium on the PATH, or AXE_CORE does not name axe-core's axe.min.js.
//
// Whatever a test does, a page must say nothing on the console, break no policy of its own, ask no other host for anything,
// and have no request fail, but for what the test says that it breaks.
//
// `go test -artifacts -outputdir DIR ./ops/e2e/browser` keeps the screenshots.
package browser
