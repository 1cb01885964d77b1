package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// maxRetryAfter bounds what a header can say, in seconds: a day.
const maxRetryAfter = 24 * 60 * 60

// retryable says whether the same request may have a better answer in a moment.
// Refusals, wrong bytes and passed limits stay what they are; bytes that were cut short
// are a broken transport.
func retryable(err error) bool {
	var final notRetried
	if errors.As(err, &final) {
		return false
	}
	if status := statusOf(err); status != nil {
		return transient(status.Status)
	}
	var broken *transportError
	if !errors.As(err, &broken) || errors.Is(err, ErrTimeout) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var (
		dns  *net.DNSError
		cert *tls.CertificateVerificationError
		auth x509.UnknownAuthorityError
		host x509.HostnameError
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound, errors.As(err, &cert), errors.As(err, &auth), errors.As(err, &host), speaksNoTLS(err):
		return false
	}
	return true
}

// transient says whether a status is one of a moment. 520 to 527 are those of a proxy in
// front of the registry that did not reach it.
func transient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return status >= 520 && status <= 527
}

// statusOf is the status that an error is about, of whichever server, or nil.
func statusOf(err error) *StatusError {
	var (
		status    *StatusError
		elsewhere *elsewhereError
	)
	switch {
	case errors.As(err, &elsewhere):
		return elsewhere.status
	case errors.As(err, &status):
		return status
	default:
		return nil
	}
}

// retry runs try until it succeeds, fails for good, or the repetitions or the time
// are used up. The last error is returned.
func (r *repository) retry(ctx context.Context, try func() error) error {
	for n := 0; ; n++ {
		err := try()
		if err == nil || n >= r.opt.Retries || !retryable(err) || ctx.Err() != nil {
			return err
		}
		if stop := r.pause(ctx, n, err); stop != nil {
			return stop
		}
	}
}

// pause waits before repetition n, as long as the server asked or with exponential
// backoff. It returns err, with what stood in the way, when there is no time left.
func (r *repository) pause(ctx context.Context, n int, err error) error {
	wait := r.opt.Backoff << min(n, 4)
	if status := statusOf(err); status != nil && status.RetryAfter > 0 {
		wait = status.RetryAfter
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < wait {
		return fmt.Errorf("%w; the next try would be in %s, past the time allowed", err, wait)
	}
	r.log.Debug("request will be repeated", "repository", r.place.name(), "wait", wait, "cause", err.Error())
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w; %w", context.Cause(ctx), err)
	case <-timer.C:
		return nil
	}
}

// retryAfter reads the header of that name, seconds or an HTTP date (RFC 9110,
// section 10.2.3). A date counts from the answer's own Date, so that a clock that is
// wrong here does not matter.
func retryAfter(resp *http.Response) time.Duration {
	value := resp.Header.Get("Retry-After")
	if value == "" {
		return 0
	}
	if s, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(s, 0), maxRetryAfter)) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	wait := time.Until(at)
	if sent, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		wait = at.Sub(sent)
	}
	return min(max(wait, 0), maxRetryAfter*time.Second)
}
