// Package ui is the kit that the pages of every subject are made with: the visit
// (who calls, in which words, from which form; a refusal becomes a page), what
// stands around a page, its components, the words for how a request or a token
// stands, dates, files, and the rendering.
//
// A subject is a Room: it says which pages it has, which messages they need beyond
// what templates name, and which addresses lead to them. What two subjects need is
// here; what one needs is there.
package ui
