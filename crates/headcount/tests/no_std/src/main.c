/* Calls the Rust library from a program that has no Rust runtime at all. */
#include <stdbool.h>
#include <stdio.h>

extern bool headcount_without_std(void);

/* The prebuilt `alloc` names the unwinder, which a program that aborts on panic never calls. */
void rust_eh_personality(void) {}

int main(void) {
    bool well = headcount_without_std();
    puts(well ? "counted without std" : "something was miscounted without std");
    return well ? 0 : 1;
}
