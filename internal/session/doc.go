// Package session keeps a person signed in inside a Canvas frame, where
// third-party cookies may be blocked. It implements gorilla's sessions.Store
// with a handle that the page itself carries: in the X-Tool-Session header (set
// by the page's script), in the hidden form field tool_session, or in the
// partitioned cookie __Host-tool_session. A handle is never accepted from, and
// never put into, a URL.
//
// Header and field are not sent by a browser of its own accord, so a request
// that changes something needs one of them; the cookie alone opens only pages
// that read. Once the cookie has come back in a session, later requests must
// carry it too, so that a copied handle is of no use in another browser.
package session
