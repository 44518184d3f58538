// The floor of a start: a process that prints and ends. No tracer can be faster, since it is a process too.
#include <stdio.h>

int main(void)
{
	puts("hi");
	return 0;
}
