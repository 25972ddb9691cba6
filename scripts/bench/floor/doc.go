// Package floor is what the machine itself allows, without merging, rights or history: plain prepared statements with the
// durability that is shipped, files copied, frames echoed and fanned out. The product is measured against it in one sitting.
// A slow floor would make any ratio good, so a floor is made as quick as we can.
//
//	go test -run '^$' -bench . ./scripts/bench/floor
package floor
