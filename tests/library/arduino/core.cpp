// The core's other half: main() runs the sketch once.
#include "Arduino.h"

char printed[512];
unsigned int length;
Stream Serial;

void Stream::print(const char *text) {
    while (*text != 0 && length < sizeof printed - 1)
        printed[length++] = *text++;
}

void Stream::print(long number) {
    if (number < 0) {
        print("-");
        number = -number;
    }
    char digits[12];
    char *first = digits + sizeof digits - 1;
    *first = 0;
    do {
        *--first = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    print(first);
}

void Stream::print(double number) {
    long hundredths = static_cast<long>(number * 100 + (number < 0 ? -0.5 : 0.5));
    if (hundredths < 0) {
        print("-");
        hundredths = -hundredths;
    }
    print(hundredths / 100);
    print(".");
    print(hundredths / 10 % 10);
    print(hundredths % 10);
}

void delay(unsigned long) {}

int main() {
    setup();
    loop();
}
