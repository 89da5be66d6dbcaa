// Package repotest has no code: its tests hold what is true of the repository as a whole. Which
// package may import which, that every exported name is documented, and how the tree is laid out.
//
// It is below cmd, the one part of the tree that nobody imports, since the top level is fixed and
// these tests belong to no package of the library.
package repotest
