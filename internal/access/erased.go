package access

// Erased stands where a person's words were erased. Nobody can write it: what
// people type is cleaned of control characters. That something was written stays
// a fact, so that nothing that depends on it changes with the erasure; what is
// shown says that the words were removed.
const Erased = "\x1a"
