// Package webtest looks at the agent's page the way people do: in a real
// browser, without a screen. Tests use it, and the program that makes the
// pictures of the documentation.
//
// It is no part of the product and must not be imported by it.
package webtest
