// Package config reads the program's settings from its environment, once, and
// refuses what it does not understand: a value it cannot use or a TOKENDESK_
// variable it does not know stops the start with the variable's name. What it
// returns can be printed without showing a secret.
package config
