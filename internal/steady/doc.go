// Package steady measures the time between two moments so that setting the
// clock does not change it. It reads no clock itself.
package steady
