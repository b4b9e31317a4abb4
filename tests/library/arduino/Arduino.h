// As much of Arduino as a sketch of ours needs, made for the tests: what it prints goes into a block of memory.
#ifndef ARDUINO_H
#define ARDUINO_H

#include <avr/pgmspace.h>
#include <stddef.h>
#include <stdint.h>

void setup();
void loop();
void delay(unsigned long milliseconds);

class Stream {
  public:
    void begin(unsigned long) {}
    void print(const char *text);
    void print(long number);
    void print(int number) { print(static_cast<long>(number)); }
    void print(unsigned char number) { print(static_cast<long>(number)); }
    void print(double number); // two decimal places, as Arduino prints it
    template <typename Value> void println(Value value) {
        print(value);
        print("\n");
    }
};

extern Stream Serial;

#endif
