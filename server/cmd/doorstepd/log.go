package main

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// newLog makes the one logger. It is given ids, codes and counts; names, phones, values and tokens never.
func newLog(w io.Writer, c config, now func() time.Time) zerolog.Logger {
	if f, ok := w.(*os.File); c.LogFormat == "console" || c.LogFormat == "auto" && ok && terminal(f) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly}
	}
	level, err := zerolog.ParseLevel(c.LogLevel)
	if err != nil {
		level = zerolog.InfoLevel
	}
	return zerolog.New(w).Level(level).Hook(stamp(now))
}

// stamp puts the time on each line.
type stamp func() time.Time

func (s stamp) Run(e *zerolog.Event, _ zerolog.Level, _ string) { e.Time("time", s().UTC()) }

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
