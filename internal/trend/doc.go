// Package trend remembers series over hours and tells what they do: how fast one
// grows ([facts.Trend]), and what rate is usual ([facts.Baseline]). Its memory is
// bounded, and a plain value that can be kept and restored.
//
// It is robust rather than quick: one wild value, a night's restart or a clock
// that is set changes nothing, and what it cannot tell from chance it calls no
// growth. It reads no clock and judges nothing.
package trend
