//go:build linux || darwin

package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode"
	"github.com/lassode/lassode/internal/csv"
	"github.com/lassode/lassode/pretrained"
)

// patience is how long anything in the browser may take on a busy machine.
const patience = 60 * time.Second

// browser speaks the DevTools protocol with a Chromium over a pipe.
type browser struct {
	t    *testing.T
	to   *os.File
	mu   sync.Mutex
	next int
	wait map[int]chan reply

	faults   []string // console errors, exceptions
	requests []string // URLs
}

type reply struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Session string          `json:"sessionId"`
}

// startBrowser runs Chromium without a window and with an empty profile. It
// ends with the test.
func startBrowser(t *testing.T, program string) *browser {
	t.Helper()
	theirs, to, err := os.Pipe()
	require.NoError(t, err)
	from, theirsToo, err := os.Pipe()
	require.NoError(t, err)
	profile := t.TempDir()
	c := exec.Command(program, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--no-default-browser-check", "--disable-extensions", "--disable-background-networking", "--disable-sync",
		"--disable-component-update", "--hide-scrollbars", "--force-device-scale-factor=1", "--user-data-dir="+profile, "about:blank")
	c.ExtraFiles = []*os.File{theirs, theirsToo} // descriptors 3 and 4
	var log bytes.Buffer
	c.Stderr = &log
	require.NoError(t, c.Start())
	theirs.Close()
	theirsToo.Close()
	b := &browser{t: t, to: to, wait: map[int]chan reply{}}
	go b.listen(from)
	t.Cleanup(func() {
		to.Close()
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			c.Process.Kill()
			<-ended
		}
		from.Close()
		// Its helpers may still write to the profile.
		for range 50 {
			if os.RemoveAll(profile) == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if t.Failed() {
			t.Logf("the last messages of %s:\n%s", program, log.String()[max(0, log.Len()-1000):])
		}
	})
	return b
}

// listen takes answers and events.
func (b *browser) listen(from *os.File) {
	r := bufio.NewReaderSize(from, 1<<20)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m reply
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		if m.ID != 0 {
			b.mu.Lock()
			c := b.wait[m.ID]
			delete(b.wait, m.ID)
			b.mu.Unlock()
			if c != nil {
				c <- m
			}
			continue
		}
		b.event(m)
	}
}

func (b *browser) event(m reply) {
	var p struct {
		Session string `json:"sessionId"`
		Type    string `json:"type"`
		Args    []struct {
			Value       any    `json:"value"`
			Description string `json:"description"`
		} `json:"args"`
		Entry struct {
			Level string `json:"level"`
			Text  string `json:"text"`
			URL   string `json:"url"`
		} `json:"entry"`
		Details struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
		Request struct {
			URL string `json:"url"`
		} `json:"request"`
	}
	json.Unmarshal(m.Params, &p)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch m.Method {
	case "Target.attachedToTarget": // the worker
		for _, method := range []string{"Runtime.enable", "Network.enable", "Log.enable", "Runtime.runIfWaitingForDebugger"} {
			b.send(p.Session, method, nil)
		}
	case "Runtime.consoleAPICalled":
		if p.Type == "error" || p.Type == "warning" || p.Type == "assert" {
			b.faults = append(b.faults, fmt.Sprintf("console.%s: %v", p.Type, p.Args))
		}
	case "Runtime.exceptionThrown":
		b.faults = append(b.faults, "exception: "+p.Details.Text+" "+p.Details.Exception.Description)
	case "Log.entryAdded":
		if p.Entry.Level == "error" || p.Entry.Level == "warning" {
			b.faults = append(b.faults, p.Entry.Level+": "+p.Entry.Text+" "+p.Entry.URL)
		}
	case "Network.requestWillBeSent":
		b.requests = append(b.requests, p.Request.URL)
	}
}

// send writes a command; the caller holds the lock.
func (b *browser) send(session, method string, params any) chan reply {
	b.next++
	m := map[string]any{"id": b.next, "method": method}
	if params != nil {
		m["params"] = params
	}
	if session != "" {
		m["sessionId"] = session
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	c := make(chan reply, 1)
	b.wait[b.next] = c
	b.to.Write(append(text, 0)) // of a browser that is gone, no answer comes
	return c
}

// call sends a command and waits for its answer.
func (b *browser) call(session, method string, params, result any) {
	b.t.Helper()
	b.mu.Lock()
	c := b.send(session, method, params)
	b.mu.Unlock()
	select {
	case m := <-c:
		require.Nil(b.t, m.Error, "%s: %v", method, m.Error)
		if result != nil {
			require.NoError(b.t, json.Unmarshal(m.Result, result))
		}
	case <-time.After(patience):
		require.Fail(b.t, "the browser does not answer", method)
	}
}

// page is one tab.
type page struct {
	*browser
	session string
}

// open makes a tab.
func (b *browser) open() *page {
	b.t.Helper()
	var target struct {
		ID string `json:"targetId"`
	}
	b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct {
		Session string `json:"sessionId"`
	}
	b.call("", "Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &attached)
	p := &page{b, attached.Session}
	for _, method := range []string{"Page.enable", "Runtime.enable", "Log.enable", "Network.enable"} {
		p.do(method, nil)
	}
	p.do("Target.setAutoAttach", map[string]any{"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true})
	return p
}

func (p *page) do(method string, params any) {
	p.t.Helper()
	p.call(p.session, method, params, nil)
}

// eval returns the value of an expression.
func (p *page) eval(expression string, result any) {
	p.t.Helper()
	var answer struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Details *struct {
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	p.call(p.session, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &answer)
	if answer.Details != nil {
		require.Fail(p.t, answer.Details.Exception.Description, expression)
	}
	if result != nil {
		require.NoError(p.t, json.Unmarshal(answer.Result.Value, result), expression)
	}
}

func (p *page) text(expression string) string {
	p.t.Helper()
	var s string
	p.eval("String("+expression+")", &s)
	return s
}

// until waits for an expression to be true.
func (p *page) until(expression string) {
	p.t.Helper()
	for start := time.Now(); time.Since(start) < patience; time.Sleep(30 * time.Millisecond) {
		var ok bool
		p.eval("Boolean("+expression+")", &ok)
		if ok {
			return
		}
	}
	require.Fail(p.t, "never true", "%s; state %s; error %q; faults %v", expression,
		p.text("document.body.dataset.state"), p.text(`document.getElementById("error").textContent`), p.problems())
}

func (p *page) problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.faults...)
}

func (p *page) key(name string, code int) {
	p.t.Helper()
	for _, kind := range []string{"rawKeyDown", "keyUp"} {
		p.do("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code})
	}
}

func (p *page) mouse(kind string, x, y float64, pressed bool) {
	p.t.Helper()
	buttons := 0
	if pressed {
		buttons = 1
	}
	p.do("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1})
}

// click presses the middle of an element.
func (p *page) click(selector string) {
	p.t.Helper()
	var at [2]float64
	p.eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: "center"}); const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()`, selector), &at)
	p.mouse("mousePressed", at[0], at[1], true)
	p.mouse("mouseReleased", at[0], at[1], false)
}

const (
	isReady  = `document.body.dataset.state === "ready"`
	meanPath = `document.querySelector("#panels .mean").getAttribute("d")`
	errText  = `document.getElementById("error").hidden ? "" : document.getElementById("error").textContent`
)

// paste puts a text in the box and presses the button.
func (p *page) paste(text string) {
	p.t.Helper()
	p.eval(fmt.Sprintf(`document.getElementById("text").value = %s`, quoted(text)), nil)
	p.click("#use")
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	t.Logf("%s", bytes.TrimSpace(out))
}

// TestPage builds the page, serves it by the command and uses it in a real
// browser as a visitor would. It needs LASSODE_BROWSER, the name of a Chromium.
// With LASSODE_SCREENSHOT it writes a picture of the page to that file.
func TestPage(t *testing.T) {
	program := os.Getenv("LASSODE_BROWSER")
	if program == "" {
		t.Skip("LASSODE_BROWSER does not name a Chromium")
	}
	dir := t.TempDir()
	dist, command := filepath.Join(dir, "dist"), filepath.Join(dir, "lassode")
	run(t, "go", "run", "./build", "-o", dist)
	run(t, "go", "build", "-o", command, "../cmd/lassode")
	base := startServer(t, command, dist)

	b := startBrowser(t, program)
	downloads := t.TempDir()
	b.call("", "Browser.setDownloadBehavior", map[string]any{"behavior": "allow", "downloadPath": downloads}, nil)
	p := b.open()
	size := func(width, height int) {
		p.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false})
	}
	scheme := func(name string) {
		p.do("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": name}}})
	}
	size(1280, 900)
	scheme("light")
	start := time.Now()
	p.do("Page.navigate", map[string]any{"url": base})
	p.until(`document.readyState === "complete" && ` + isReady)
	timed := func() string { return p.text(`document.getElementById("timing").textContent`) }
	t.Logf("%v from asking for the page to the first picture; first: %s", time.Since(start).Round(time.Millisecond), timed())

	// The forecast of an example is there, and good: the model is at work.
	require.Equal(t, "5", p.text(`document.getElementById("example").options.length`))
	require.Equal(t, "node 1|node 2|node 3", p.text(`[...document.querySelectorAll(".panel h2")].map(e => e.firstChild.textContent).join("|")`))
	for _, class := range []string{"mean", "band-80", "band-95", "truth", "residual", "dots"} {
		require.Greater(t, len(p.text(fmt.Sprintf(`document.querySelector("#panels .%s").getAttribute("d")`, class))), 200, class)
	}
	score := p.text(`document.querySelector(".panel h2 span").textContent`)
	share := regexp.MustCompile(`\(([0-9.e−]+) % of the spread\)`).FindStringSubmatch(score)
	require.NotNil(t, share, score)
	v, err := strconv.ParseFloat(strings.ReplaceAll(share[1], "−", "-"), 64)
	require.NoError(t, err)
	require.Less(t, v, 20., "the ring of inverters is forecast well: %s", score)
	timing := regexp.MustCompile(`^Forecast of 3 channels × 100 rows to 44[0-9] times: [0-9.]+ ms$`)
	require.Regexp(t, timing, timed())

	// The slider, by keyboard and by dragging in the picture.
	before := p.text(meanPath)
	seen := p.text(`document.getElementById("seen").value`)
	p.eval(`document.getElementById("seen").focus()`, nil)
	for range 20 {
		p.key("ArrowLeft", 37)
	}
	p.until(fmt.Sprintf(`%s && %s !== %s && document.getElementById("seen").value == 80 && document.getElementById("timing").textContent.includes("× 80 rows")`, isReady, meanPath, quoted(before)))
	require.Equal(t, "100", seen)
	require.Contains(t, p.text(`document.getElementById("seen-at").textContent`), "80 of 200 rows")
	t.Logf("after the slider: %s", timed())
	before = p.text(meanPath)
	var box [4]float64
	p.eval(`(() => { const b = document.querySelector(".panel svg").getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()`, &box)
	p.mouse("mousePressed", box[0]+.5*box[2], box[1]+60, true)
	for i := range 11 {
		p.mouse("mouseMoved", box[0]+(.5+.02*float64(i))*box[2], box[1]+60, true)
	}
	p.mouse("mouseReleased", box[0]+.7*box[2], box[1]+60, false)
	p.until(fmt.Sprintf(`%s && %s !== %s && document.getElementById("seen").value > 110`, isReady, meanPath, quoted(before)))
	require.Contains(t, p.text(`document.querySelector(".panel h2 span").textContent`), "mean")

	// The table of modes has a row per window, decay rates and frequencies.
	p.click("#modes summary")
	p.until(`document.querySelectorAll("#rows tr").length >= 16`)
	first := p.text(`document.querySelector("#rows tr").innerText`)
	p.eval(`{ const s = document.getElementById("channel"); s.selectedIndex = 2; s.dispatchEvent(new Event("change")); }`, nil)
	require.NotEqual(t, first, p.text(`document.querySelector("#rows tr").innerText`), "modes of another channel")
	require.Contains(t, p.text(`document.getElementById("rows").innerText`), "unseen")

	// All other examples.
	for i := 1; i < 5; i++ {
		p.eval(fmt.Sprintf(`{ const s = document.getElementById("example"); s.selectedIndex = %d; s.dispatchEvent(new Event("change")); }`, i), nil)
		p.until(fmt.Sprintf(`%s && document.getElementById("status").textContent === document.getElementById("example").options[%d].text`, isReady, i))
	}

	// A pasted CSV with gaps, and its forecast as a file: the same as that of
	// the engine outside the browser.
	text := pastedSeries()
	p.click(`input[value="csv"] + span`)
	p.paste(text)
	p.until(isReady + ` && document.getElementById("status").textContent === "Pasted text"`)
	require.Equal(t, "level|flow", p.text(`[...document.querySelectorAll(".panel h2")].map(e => e.firstChild.textContent).join("|")`))
	p.click("#save")
	compareNative(t, filepath.Join(downloads, "forecast.csv"), text)

	// A bad CSV says what is wrong and leaves the picture as it is.
	before = p.text(meanPath)
	for bad, want := range map[string]string{
		"":                               "pasted text is empty, want a header t,name1,... and a row per time",
		"t,level\n0,1\n1,oops\n":         `pasted text line 3, column "level": "oops" is not a number`,
		"t,level\n0,1\n0,1\n":            "time 0 is the same as that of the row above",
		"0,1\n1,2\n":                     "the header t,name1,... is missing",
		"t,level\n1,1\n":                 "one row, want at least two",
		"t,<img src=x onerror=y>\n1,,\n": "3 cells",
		manyChannels():                   "13 channels, this page takes at most 12",
	} {
		p.paste(bad)
		p.until(fmt.Sprintf(`(%s).includes(%s)`, errText, quoted(want)))
		require.Equal(t, before, p.text(meanPath))
	}
	p.paste("t,level\n0,\n1,\n2,3\n") // nothing but gaps is seen
	p.until(fmt.Sprintf(`(%s).includes("no observation")`, errText))
	p.paste(text)
	p.until(isReady + ` && (` + errText + `) === ""`)
	// Names are shown, not interpreted.
	p.paste("t,<b>bold</b>\n0,1\n1,2\n2,3\n3,2\n")
	p.until(isReady + ` && document.querySelector(".panel h2").firstChild.textContent === "<b>bold</b>"`)

	// A drawn curve: two periods of a sine. Its continuation is one as well.
	p.click(`input[value="draw"] + span`)
	p.eval(`document.getElementById("pad").scrollIntoView({block: "center"})`, nil)
	p.eval(`(() => { const b = document.getElementById("pad").getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()`, &box)
	at := func(u float64) (x, y float64) {
		return box[0] + (.05+.9*u)*box[2], box[1] + (.5-.4*math.Sin(4*math.Pi*u))*box[3]
	}
	x, y := at(0)
	p.mouse("mousePressed", x, y, true)
	for i := range 81 {
		x, y = at(float64(i) / 80)
		p.mouse("mouseMoved", x, y, true)
	}
	p.mouse("mouseReleased", x, y, false)
	p.until(isReady + ` && document.getElementById("status").textContent === "Drawn curve"`)
	require.Equal(t, "121", p.text(`document.getElementById("seen").max`))
	require.Contains(t, p.text(`document.querySelector(".panel h2 span").textContent`), "of the spread")

	// Light and dark, and a narrow window without sideways scrolling.
	color := func() string { return p.text(`getComputedStyle(document.body).backgroundColor`) }
	light := color()
	scheme("dark")
	require.NotEqual(t, light, color())
	p.picture(t, filepath.Join(dir, "dark.png"))
	scheme("light")
	size(390, 800)
	p.until(`document.querySelector(".panel svg").viewBox.baseVal.width < 390`)
	require.Equal(t, "true", p.text(`document.documentElement.scrollWidth <= 390`))
	size(1280, 900)

	// The picture for the documentation.
	p.click(`input[value="example"] + span`)
	p.eval(`{ const s = document.getElementById("example"); s.selectedIndex = 0; s.dispatchEvent(new Event("change")); window.scrollTo(0, 0); }`, nil)
	p.until(isReady + ` && document.getElementById("status").textContent === document.getElementById("example").options[0].text`)
	p.eval(`document.getElementById("modes").open = false; document.activeElement.blur()`, nil)
	p.picture(t, os.Getenv("LASSODE_SCREENSHOT"))

	require.Empty(t, p.problems())
	b.mu.Lock()
	defer b.mu.Unlock()
	require.NotEmpty(t, b.requests)
	for _, url := range b.requests {
		require.True(t, strings.HasPrefix(url, base) || strings.HasPrefix(url, "data:") || strings.HasPrefix(url, "blob:"+strings.TrimSuffix(base, "/")), "the page asks for %s", url)
	}
}

// picture takes a screenshot, checks that it shows something, and writes it to
// a file if one is named.
func (p *page) picture(t *testing.T, file string) {
	t.Helper()
	p.eval(`new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))`, nil)
	var shot struct {
		Data string `json:"data"`
	}
	p.call(p.session, "Page.captureScreenshot", map[string]any{"format": "png", "optimizeForSpeed": false}, &shot)
	raw, err := base64.StdEncoding.DecodeString(shot.Data)
	require.NoError(t, err)
	require.Less(t, len(raw), 200_000)
	img, err := png.Decode(bytes.NewReader(raw))
	require.NoError(t, err)
	colors := map[[3]uint32]bool{}
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			colors[[3]uint32{r, g, b}] = true
		}
	}
	require.Greater(t, len(colors), 50)
	if file != "" {
		require.NoError(t, os.WriteFile(file, raw, 0o666))
	}
}

// startServer runs `lassode serve` and returns its address.
func startServer(t *testing.T, command, dist string) string {
	t.Helper()
	server := exec.Command(command, "serve", "-dir", dist, "-addr", "127.0.0.1:0")
	out, err := server.StdoutPipe()
	require.NoError(t, err)
	server.Stderr = os.Stderr
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		server.Process.Signal(os.Interrupt)
		require.NoError(t, server.Wait())
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	base := regexp.MustCompile(`http://\S+/`).FindString(line)
	require.NotEmpty(t, base, line)
	return base
}

// pastedSeries is an irregular series of two channels with gaps.
func pastedSeries() string {
	var s strings.Builder
	s.WriteString("t [s],level,flow\r\n")
	for i := range 100 {
		t := .1*float64(i) + .02*math.Sin(float64(5*i))
		fmt.Fprintf(&s, "%.4f,%.5f,", t, 20+5*math.Exp(-.1*t)*math.Cos(2*t))
		if i%3 != 0 {
			fmt.Fprintf(&s, "%.5f", math.Sin(t))
		}
		s.WriteString("\r\n")
	}
	return s.String()
}

func manyChannels() string {
	var s strings.Builder
	s.WriteString("t")
	for i := range 13 {
		fmt.Fprintf(&s, ",x%d", i)
	}
	s.WriteString("\n0" + strings.Repeat(",1", 13) + "\n1" + strings.Repeat(",1", 13) + "\n")
	return s.String()
}

// compareNative compares a saved forecast with that of the engine on this
// machine: other kernels, the same answer within the spread of the data.
func compareNative(t *testing.T, file, text string) {
	t.Helper()
	var q *csv.Query
	for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		raw, err := os.ReadFile(file)
		if err == nil && len(raw) > 0 {
			q, err = csv.ReadQuery(bytes.NewReader(raw), file)
			require.NoError(t, err)
			break
		}
		require.Less(t, time.Since(start), patience, "no download")
	}
	s, _, err := csv.ReadSeries(strings.NewReader(text), "text")
	require.NoError(t, err)
	const rows = 60
	m, err := pretrained.Model()
	require.NoError(t, err)
	fc, err := m.Forecast(lassode.Series{Times: s.Times[:rows], Values: s.Values[:rows]}, q.Times)
	require.NoError(t, err)
	require.Equal(t, []string{"level", "level_rate", "level_q0.025", "level_q0.1", "level_q0.9", "level_q0.975"}, q.Truth.Names[:6])
	low := fc.Quantile(.1)
	worst := 0.
	for c, spread := range []float64{5, 1} {
		for i := range q.Times {
			worst = max(worst, math.Abs(q.Truth.Values[i][6*c]-fc.Mean[i][c])/spread, math.Abs(q.Truth.Values[i][6*c+3]-low[i][c])/spread)
		}
	}
	t.Logf("largest difference between browser and %d native times: %.1e of the spread", len(q.Times), worst)
	require.Less(t, worst, 1e-3)
}
