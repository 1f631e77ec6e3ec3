package web_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/tcpdoctor/tcpdoctor/internal/web"
	"github.com/tcpdoctor/tcpdoctor/internal/web/webtest"
)

// A server tells what was published last.
func ExampleServer_Publish() {
	s, err := web.New(web.Options{Version: "1.0.0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Publish(webtest.Scene{At: time.Now(), Overflow: true}.Snapshot())
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	res, err := http.Get(srv.URL + "/metrics")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "tcpdoctor_listener_accept_queue{comm=\"nginx\"") {
			fmt.Print(line)
		}
	}
	// Output:
	// tcpdoctor_listener_accept_queue{comm="nginx",local="0.0.0.0:443",netns="host"} 129
}
