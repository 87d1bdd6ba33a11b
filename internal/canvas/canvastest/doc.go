// Package canvastest is a stand-in for Canvas LMS: its REST calls, its LTI
// platform and the few pages a person needs to walk through a launch.
//
// It is for tests, the demo and development, never for production. Everything
// is kept in memory and lost at exit, its keys and secrets are made afresh at
// every start, anybody may sign in as anybody, and a management port can order
// faults. Only tests, cmd/demo and cmd/canvas-standin may import it.
//
// Where Canvas's own source or specs state a behaviour, the stand-in copies it
// down to the shape of each error body; the comments name the Canvas file.
// Where no source states it, the comment says "inferred".
package canvastest

// Banner is the warning that every page, every response header and the start
// of every program that embeds the stand-in must show.
const Banner = "STAND-IN CANVAS: not Canvas, not for production. Everything here is made up, kept in memory and lost at exit."

// BannerHeader is the response header that carries [Banner] on every answer.
const BannerHeader = "X-Canvas-Standin"
