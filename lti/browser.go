package lti

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"net/url"
)

// BrowserScript is the script for the two storage pages. It is an ordinary
// external file, so that a policy of script-src 'self' suffices; ServeScript
// serves it. It finds its data in the page, as an element
//
//	<script type="application/json" id="lti-data">{{.}}</script>
//
// in which html/template writes a StorePage or ProofPage as JSON, and does one of
// three things by data.step: "store" keeps the value and goes on to data.next;
// "proof" reads it back and posts it; "forget" (a ForgetItem, on the first page
// after a launch) deletes it. It posts to the platform's named origins only,
// never to "*".
//
//go:embed browser.js
var BrowserScript string

var scriptTag = func() string {
	sum := sha256.Sum256([]byte(BrowserScript))
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}()

// ServeScript serves BrowserScript, cached by its content.
func ServeScript(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("ETag", scriptTag)
	if r.Header.Get("If-None-Match") == scriptTag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write([]byte(BrowserScript))
}

// StorageItem says where in the platform's storage something is kept. None of
// it is secret.
type StorageItem struct {
	Frame     string   `json:"frame"`    // name of the platform's storage frame, or _parent
	Origin    string   `json:"origin"`   // its origin, which is the authentication endpoint's
	Fallback  []string `json:"fallback"` // Registration.FrameOrigins, for the parent itself
	Key       string   `json:"key"`
	MessageID string   `json:"id"`
	Wait      int      `json:"wait"` // for each answer, in milliseconds
}

// StorePage is the data of the page that keeps what binds the browser.
type StorePage struct {
	Step string `json:"step"` // "store"
	StorageItem
	Value string `json:"value"` // for the platform's storage
	Own   string `json:"own"`   // for our origin's sessionStorage
	Next  string `json:"next"`  // the authentication request
}

// ProofPage is the data of the page that reads it back.
type ProofPage struct {
	Step string `json:"step"` // "proof"
	StorageItem
	Post string `json:"post"` // Tool.ProofURL
	Held string `json:"held"` // handle of the held launch; of no use without the value
}

// ForgetItem is the data for deleting a StorageItem.
type ForgetItem struct {
	Step string `json:"step"` // "forget"
	StorageItem
}

// ForgetItem returns the data with which a page deletes the item.
func (s StorageItem) ForgetItem() ForgetItem { return ForgetItem{Step: "forget", StorageItem: s} }

// answerWait is how long the script waits for each answer. Canvas's mobile apps
// announced storage and never answered; other tools wait one to two seconds.
const answerWait = 1500

// storageItem names the item of one login. The origin to talk to is that of the
// authentication endpoint (Canvas: sso.canvaslms.com), so that nobody else on
// the page can read along.
func storageItem(reg Registration, frame, state string) StorageItem {
	item := StorageItem{
		Frame: frame, Key: storageKey(state), MessageID: random()[:22], Wait: answerWait,
		Fallback: append([]string{}, reg.FrameOrigins...),
	}
	if u, err := url.Parse(reg.AuthURL); err == nil {
		item.Origin = origin(u)
	}
	return item
}
