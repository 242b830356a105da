// SPDX-License-Identifier: BSD-2-Clause

// Go that calls C which allocates: from main, and from a goroutine whose stack is moved meanwhile.
// Says `ready`, waits for a line, leaks, prints its truth, and waits for another line.
package main

/*
#include <stdlib.h>
static void *c_helper(size_t bytes) { return malloc(bytes); }
*/
import "C"

import (
	"bufio"
	"fmt"
	"os"
	"unsafe"
)

const rounds = 50
const text = "a string that C owns"

//go:noinline
func leakString() { C.CString(text) }

//go:noinline
func leakHelper() { C.c_helper(2000) }

//go:noinline
func keepNothing() { C.free(unsafe.Pointer(C.CString("x"))) }

//go:noinline
func grow(depth int, act func()) int {
	var room [512]byte
	if depth == 0 {
		act()
		return 0
	}
	return grow(depth-1, act) + int(room[depth])
}

func leakAll() {
	for i := 0; i < rounds; i++ {
		leakString()
		leakHelper()
		keepNothing()
	}
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	done := make(chan bool)
	fmt.Println("ready")
	lines.ReadString('\n')
	leakAll()
	go func() {
		grow(20, leakHelper)
		done <- true
	}()
	<-done
	fmt.Printf(`{"pid": %d, "rounds": %d, "string_bytes": %d, "helper_bytes": %d}`+"\n", os.Getpid(),
		rounds, len(text)+1, 2000)
	lines.ReadString('\n')
}
