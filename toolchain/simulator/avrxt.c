/* An instruction-set core of the 8-bit AVR with exact cycle counts, for two families chosen when a machine is made:
 * AVRxt (megaAVR 0, tinyAVR 0/1/2, AVR DA/DB/DD) and the classic AVRe+ core (ATmega328P, ATmega2560 and so on).
 *
 * Counts are those of the "AVR Instruction Set Manual", columns AVRxt and AVRe. Notes where they are not obvious:
 *   - A load through a pointer takes 2 cycles, and one more if it reads flash mapped into data space (AVRxt).
 *   - The stack, SREG, SP, RAMPZ and EIND are real; all other I/O is plain memory that keeps what is written to it.
 *   - There are no interrupts and no peripherals: this core times code, the virtual board runs firmware.
 *
 * Flash is decoded once into `insn` records; a breakpoint replaces a record, so running costs nothing for having them.
 * The interpreter is compiled twice from one body: plain (fast), and watched (profile, single step, callee times). */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GUARD 4u  /* records behind the last word of flash: the longest skip ends there */

enum op {
    ILLEGAL, STOP, OUTSIDE,
    NOP, MOVW, MUL, MULS, MULSU, FMUL, FMULS, FMULSU, CPC, SBC, ADD, CPSE, CP, SUB, ADC, AND, EOR, OR, MOV,
    CPI, SBCI, SUBI, ORI, ANDI, LDI,
    LDS, STS, LD, LD_INC, LD_DEC, LDD, ST, ST_INC, ST_DEC, STD,
    LPM, LPM_INC, ELPM, ELPM_INC, POP, PUSH,
    COM, NEG, SWAP, INC, DEC, ASR, LSR, ROR, ADIW, SBIW, BSET, BCLR, BLD, BST,
    JMP, RJMP, IJMP, EIJMP, CALL, RCALL, ICALL, EICALL, RET, RETI,
    BREQ, BRNE, BRCS, BRCC, BRMI, BRPL, BRBS, BRBC, SBRC, SBRS, SBIC, SBIS,
    IN, OUT, SBI, CBI, SLEEP, BREAK, WDR,
    OPS
};

/* Reasons for a run to end; toolchain/simulator/core.py has the same numbers. */
enum stop { RETURNED, BREAKPOINT, CYCLE_LIMIT, ILLEGAL_OPCODE, BAD_ADDRESS, BAD_PC, BREAK_OPCODE, STEPPED, SLEPT };

typedef struct {
    uint8_t op, a, b, cycles;  /* a, b: registers or bit masks; cycles: of the instruction when no branch is taken */
    int32_t k;                 /* constant, displacement, target in words, or words skipped */
} insn;

typedef struct {
    uint32_t call, target;     /* word addresses: of the call instruction, and of what it calls */
    uint64_t begin, end;       /* cycle counter before the call and after the return */
} callee;

typedef struct {
    uint32_t classic, wide_pc; /* the core; whether return addresses take three bytes */
    uint32_t flash_size, ram_start, ram_size, io_size;
    uint32_t map_start, map_size;  /* where flash appears in data space; size 0: nowhere */
    uint32_t flmap;            /* data address of the register whose bits 5:4 choose the mapped section; 0: none */
} config;

typedef struct {
    config c;
    uint8_t r[32];
    uint8_t data[65536];
    uint8_t sreg;
    uint16_t sp, min_sp;
    uint32_t pc, words, sentinel, fault;
    uint64_t cycles;
    uint8_t *flash;
    insn *code;
    uint8_t *broken;           /* per word: 1 where a breakpoint stands */
    uint64_t *profile;         /* per word: cycles spent, or NULL */
    uint32_t watch_begin, watch_end;
    uint32_t watching, above;  /* a call out of the watched function is under way; SP before it */
    callee open, *callees;
    uint32_t callee_count, callee_room;
} machine;

static const uint8_t CLASSIC_CYCLES[OPS] = {
    [MUL] = 2, [MULS] = 2, [MULSU] = 2, [FMUL] = 2, [FMULS] = 2, [FMULSU] = 2, [ADIW] = 2, [SBIW] = 2,
    [LDS] = 2, [STS] = 2, [LD] = 2, [LD_INC] = 2, [LD_DEC] = 2, [LDD] = 2, [ST] = 2, [ST_INC] = 2, [ST_DEC] = 2, [STD] = 2,
    [LPM] = 3, [LPM_INC] = 3, [ELPM] = 3, [ELPM_INC] = 3, [POP] = 2, [PUSH] = 2, [SBI] = 2, [CBI] = 2,
    [JMP] = 3, [RJMP] = 2, [IJMP] = 2, [EIJMP] = 2, [CALL] = 4, [RCALL] = 3, [ICALL] = 3, [EICALL] = 3, [RET] = 4, [RETI] = 4,
};
static const uint8_t XT_CYCLES[OPS] = {
    [MUL] = 2, [MULS] = 2, [MULSU] = 2, [FMUL] = 2, [FMULS] = 2, [FMULSU] = 2, [ADIW] = 2, [SBIW] = 2,
    [LDS] = 3, [STS] = 2, [LD] = 2, [LD_INC] = 2, [LD_DEC] = 2, [LDD] = 2, [ST] = 1, [ST_INC] = 1, [ST_DEC] = 1, [STD] = 1,
    [LPM] = 3, [LPM_INC] = 3, [ELPM] = 3, [ELPM_INC] = 3, [POP] = 2, [PUSH] = 1, [SBI] = 1, [CBI] = 1,
    [JMP] = 3, [RJMP] = 2, [IJMP] = 2, [EIJMP] = 2, [CALL] = 3, [RCALL] = 2, [ICALL] = 2, [EICALL] = 2, [RET] = 4, [RETI] = 4,
};

/* ---- decoding ------------------------------------------------------------------------------------------------ */

static uint16_t word_at(const machine *m, uint32_t pc)
{
    return pc < m->words ? (uint16_t)(m->flash[2 * pc] | m->flash[2 * pc + 1] << 8) : 0xFFFF;
}

static int two_words(uint16_t w)
{
    return (w & 0xFE0E) == 0x940C || (w & 0xFE0E) == 0x940E || (w & 0xFC0F) == 0x9000;
}

/* Short jumps wrap around the ends of flash, as code for small chips relies on. */
static int32_t near_target(const machine *m, uint32_t pc, int32_t offset)
{
    int32_t words = (int32_t)m->words, t = ((int32_t)pc + 1 + offset) % words;
    return t < 0 ? t + words : t;
}

static insn decode(const machine *m, uint32_t pc)
{
    uint16_t w = word_at(m, pc), next = word_at(m, pc + 1);
    uint8_t d = w >> 4 & 31, r = (w & 15) | (w >> 5 & 16), high = 16 + (w >> 4 & 15);
    uint8_t immediate = (w & 15) | (w >> 4 & 0xF0), io5 = w >> 3 & 31, bit = 1 << (w & 7);
    int32_t q = (w & 7) | (w >> 7 & 0x18) | (w >> 8 & 0x20), skipped = two_words(next) ? 2 : 1;
    int32_t long_target = ((int32_t)(w & 1) | (w >> 3 & 0x3E)) << 16 | next;
    int32_t base = m->c.classic ? 32 : 0;
    insn i = {ILLEGAL, d, r, 0, 0};

#define IS(OP, A, B, K) (i.op = (OP), i.a = (uint8_t)(A), i.b = (uint8_t)(B), i.k = (K))
    switch (w >> 12) {
    case 0x0:
        if (w == 0) IS(NOP, 0, 0, 0);
        else switch (w >> 8) {
        case 1: IS(MOVW, (w >> 4 & 15) * 2, (w & 15) * 2, 0); break;
        case 2: IS(MULS, high, 16 + (w & 15), 0); break;
        case 3: {
            static const uint8_t kind[4] = {MULSU, FMUL, FMULS, FMULSU};
            IS(kind[(w >> 6 & 2) | (w >> 3 & 1)], 16 + (w >> 4 & 7), 16 + (w & 7), 0);
            break;
        }
        default:
            if ((w & 0xFC00) == 0x0400) IS(CPC, d, r, 0);
            else if ((w & 0xFC00) == 0x0800) IS(SBC, d, r, 0);
            else if ((w & 0xFC00) == 0x0C00) IS(ADD, d, r, 0);
        }
        break;
    case 0x1: {
        static const uint8_t kind[4] = {CPSE, CP, SUB, ADC};
        IS(kind[w >> 10 & 3], d, r, skipped);
        break;
    }
    case 0x2: {
        static const uint8_t kind[4] = {AND, EOR, OR, MOV};
        IS(kind[w >> 10 & 3], d, r, 0);
        break;
    }
    case 0x3: IS(CPI, high, 0, immediate); break;
    case 0x4: IS(SBCI, high, 0, immediate); break;
    case 0x5: IS(SUBI, high, 0, immediate); break;
    case 0x6: IS(ORI, high, 0, immediate); break;
    case 0x7: IS(ANDI, high, 0, immediate); break;
    case 0x8: case 0xA: {
        uint8_t pointer = w & 8 ? 28 : 30, store = w >> 9 & 1;
        if (q) IS(store ? STD : LDD, d, pointer, q);
        else IS(store ? ST : LD, d, pointer, 0);
        break;
    }
    case 0x9:
        if ((w & 0xFE00) == 0x9000) switch (w & 15) {
        case 0x0: IS(LDS, d, 0, next); break;
        case 0x1: IS(LD_INC, d, 30, 0); break;
        case 0x2: IS(LD_DEC, d, 30, 0); break;
        case 0x4: IS(LPM, d, 0, 0); break;
        case 0x5: IS(LPM_INC, d, 0, 0); break;
        case 0x6: IS(ELPM, d, 0, 0); break;
        case 0x7: IS(ELPM_INC, d, 0, 0); break;
        case 0x9: IS(LD_INC, d, 28, 0); break;
        case 0xA: IS(LD_DEC, d, 28, 0); break;
        case 0xC: IS(LD, d, 26, 0); break;
        case 0xD: IS(LD_INC, d, 26, 0); break;
        case 0xE: IS(LD_DEC, d, 26, 0); break;
        case 0xF: IS(POP, d, 0, 0); break;
        }
        else if ((w & 0xFE00) == 0x9200) switch (w & 15) {
        case 0x0: IS(STS, d, 0, next); break;
        case 0x1: IS(ST_INC, d, 30, 0); break;
        case 0x2: IS(ST_DEC, d, 30, 0); break;
        case 0x9: IS(ST_INC, d, 28, 0); break;
        case 0xA: IS(ST_DEC, d, 28, 0); break;
        case 0xC: IS(ST, d, 26, 0); break;
        case 0xD: IS(ST_INC, d, 26, 0); break;
        case 0xE: IS(ST_DEC, d, 26, 0); break;
        case 0xF: IS(PUSH, d, 0, 0); break;
        }
        else if ((w & 0xFE00) == 0x9400) switch (w & 15) {
        case 0x0: IS(COM, d, 0, 0); break;
        case 0x1: IS(NEG, d, 0, 0); break;
        case 0x2: IS(SWAP, d, 0, 0); break;
        case 0x3: IS(INC, d, 0, 0); break;
        case 0x5: IS(ASR, d, 0, 0); break;
        case 0x6: IS(LSR, d, 0, 0); break;
        case 0x7: IS(ROR, d, 0, 0); break;
        case 0xA: IS(DEC, d, 0, 0); break;
        case 0xC: case 0xD: IS(JMP, 0, 0, long_target); break;
        case 0xE: case 0xF: IS(CALL, 0, 0, long_target); break;
        case 0x8:
            if (w < 0x9480) IS(BSET, 1 << (w >> 4 & 7), 0, 0);
            else if (w < 0x9500) IS(BCLR, 1 << (w >> 4 & 7), 0, 0);
            else switch (w) {
            case 0x9508: IS(RET, 0, 0, 0); break;
            case 0x9518: IS(RETI, 0, 0, 0); break;
            case 0x9588: IS(SLEEP, 0, 0, 0); break;
            case 0x9598: IS(BREAK, 0, 0, 0); break;
            case 0x95A8: IS(WDR, 0, 0, 0); break;
            case 0x95C8: IS(LPM, 0, 0, 0); break;
            case 0x95D8: IS(ELPM, 0, 0, 0); break;
            }
            break;
        case 0x9:
            if (w == 0x9409) IS(IJMP, 0, 0, 0);
            else if (w == 0x9419) IS(EIJMP, 0, 0, 0);
            else if (w == 0x9509) IS(ICALL, 0, 0, 0);
            else if (w == 0x9519) IS(EICALL, 0, 0, 0);
            break;
        }
        else switch (w >> 8) {
        case 0x96: IS(ADIW, 24 + (w >> 3 & 6), 0, (w & 15) | (w >> 2 & 0x30)); break;
        case 0x97: IS(SBIW, 24 + (w >> 3 & 6), 0, (w & 15) | (w >> 2 & 0x30)); break;
        case 0x98: IS(CBI, bit, 0, io5 + base); break;
        case 0x99: IS(SBIC, bit, skipped, io5 + base); break;
        case 0x9A: IS(SBI, bit, 0, io5 + base); break;
        case 0x9B: IS(SBIS, bit, skipped, io5 + base); break;
        default: IS(MUL, d, r, 0);
        }
        break;
    case 0xB: IS(w & 0x800 ? OUT : IN, d, 0, ((w & 15) | (w >> 5 & 0x30)) + base); break;
    case 0xC: IS(RJMP, 0, 0, near_target(m, pc, (int16_t)(w << 4) >> 4)); break;
    case 0xD: IS(RCALL, 0, 0, near_target(m, pc, (int16_t)(w << 4) >> 4)); break;
    case 0xE: IS(LDI, high, 0, immediate); break;
    case 0xF: {
        int32_t target = near_target(m, pc, (int16_t)(w << 6) >> 9);
        static const uint8_t when_set[8] = {BRCS, BREQ, BRMI, BRBS, BRBS, BRBS, BRBS, BRBS};
        static const uint8_t when_clear[8] = {BRCC, BRNE, BRPL, BRBC, BRBC, BRBC, BRBC, BRBC};
        if (w < 0xF400) IS(when_set[w & 7], bit, 0, target);
        else if (w < 0xF800) IS(when_clear[w & 7], bit, 0, target);
        else if (!(w & 8)) {
            static const uint8_t kind[4] = {BLD, BST, SBRC, SBRS};
            IS(kind[w >> 9 & 3], d, bit, skipped);
        }
        break;
    }
    }
#undef IS
    /* Registers that a chip without them must not be asked for: 64 KiB are reached without RAMPZ, 128 KiB without EIND. */
    if (((i.op == ELPM || i.op == ELPM_INC) && m->c.flash_size <= 0x10000) ||
        ((i.op == EIJMP || i.op == EICALL) && !m->c.wide_pc))
        i.op = ILLEGAL;
    i.cycles = (m->c.classic ? CLASSIC_CYCLES : XT_CYCLES)[i.op];
    if (!i.cycles) i.cycles = 1;
    if (m->c.wide_pc && i.op >= CALL && i.op <= RETI && (i.op != EICALL || m->c.classic)) i.cycles++;
    if (m->c.wide_pc && i.op == EICALL && !m->c.classic) i.cycles = 3;
    return i;
}

static void decode_range(machine *m, uint32_t first, uint32_t last)
{
    for (uint32_t pc = first; pc <= last && pc < m->words; pc++) {
        m->code[pc] = decode(m, pc);
        if (m->broken[pc]) m->code[pc].op = STOP;
    }
}

/* ---- data space ---------------------------------------------------------------------------------------------- */

static uint32_t io_base(const machine *m) { return m->c.classic ? 32 : 0; }

/* Everything that is not SRAM. Returns the byte, or -1; *extra gets the cycles that the access adds. */
static int slow_load(machine *m, uint32_t address, uint32_t *extra)
{
    uint32_t base = io_base(m);
    if (address - m->c.map_start < m->c.map_size) {
        uint32_t section = 0;
        if (m->c.flmap) section = (m->data[m->c.flmap] >> 4 & 3) * m->c.map_size % m->c.flash_size;
        *extra = 1;
        return m->flash[section + address - m->c.map_start];
    }
    if (address < base) return m->r[address];
    if (address == base + 0x3D) return m->sp & 255;
    if (address == base + 0x3E) return m->sp >> 8;
    if (address == base + 0x3F) return m->sreg;
    if (address < m->c.io_size) return m->data[address];
    m->fault = address;
    return -1;
}

static int slow_store(machine *m, uint32_t address, uint8_t value)
{
    uint32_t base = io_base(m);
    if (address < base) m->r[address] = value;
    else if (address == base + 0x3D) m->sp = (uint16_t)((m->sp & 0xFF00) | value);
    else if (address == base + 0x3E) m->sp = (uint16_t)((m->sp & 0xFF) | value << 8);
    else if (address == base + 0x3F) m->sreg = value;
    else if (address < m->c.io_size) m->data[address] = value;
    else { m->fault = address; return -1; }
    return 0;
}

static void record_callee(machine *m, uint64_t end)
{
    if (m->callee_count == m->callee_room) {
        uint32_t room = m->callee_room ? 2 * m->callee_room : 64;
        callee *grown = realloc(m->callees, room * sizeof *grown);
        if (!grown) return;
        m->callees = grown;
        m->callee_room = room;
    }
    m->open.end = end;
    m->callees[m->callee_count++] = m->open;
}

/* ---- the interpreter ----------------------------------------------------------------------------------------- */

/* Flags live apart and undecided: C is 0 or 1; Z is set if zr == 0; N, V, S are bit 7 and H is bit 4 of their variables. */
#define PACK() ((uint8_t)(c | (zr == 0) << 1 | (nr >> 7 & 1) << 2 | (vr >> 7 & 1) << 3 | (sr >> 7 & 1) << 4 | \
                          (hr >> 4 & 1) << 5 | tf << 6 | it << 7))
#define UNPACK(x) do { uint32_t bits = (x); c = bits & 1; zr = !(bits >> 1 & 1); nr = bits >> 2 << 7; vr = bits >> 3 << 7; \
                       sr = bits >> 4 << 7; hr = bits >> 5 << 4; tf = bits >> 6 & 1; it = bits >> 7 & 1; } while (0)
#define SPILL() (m->sreg = PACK(), m->sp = (uint16_t)sp)
#define FILL() do { UNPACK(m->sreg); sp = m->sp; } while (0)
#define END(reason) do { why = (reason); goto done; } while (0)

#define PAIR(n) ((uint32_t)(r[n] | r[(n) + 1] << 8))
#define SET_PAIR(n, v) do { uint32_t pair = (v); r[n] = (uint8_t)pair; r[(n) + 1] = (uint8_t)(pair >> 8); } while (0)

#define LOAD(to, where) do { \
        uint32_t at = (uint16_t)(where); \
        if (at - ram_start < ram_size) (to) = data[at]; \
        else { \
            uint32_t more = 0; SPILL(); \
            int got = slow_load(m, at, &more); \
            if (got < 0) END(BAD_ADDRESS); \
            (to) = (uint8_t)got; spent += more; \
        } } while (0)
#define STORE(where, value) do { \
        uint32_t at = (uint16_t)(where); \
        if (at - ram_start < ram_size) data[at] = (value); \
        else { SPILL(); if (slow_store(m, at, (value)) < 0) END(BAD_ADDRESS); FILL(); } \
    } while (0)
#define PUSH_BYTE(value) do { \
        if (sp - ram_start >= ram_size) { m->fault = sp; END(BAD_ADDRESS); } \
        data[sp] = (uint8_t)(value); sp--; if (sp < low) low = sp; } while (0)
#define POP_BYTE(to) do { \
        uint32_t up = sp + 1; \
        if (up - ram_start >= ram_size) { m->fault = up; END(BAD_ADDRESS); } \
        (to) = data[up]; sp = up; } while (0)

#define LOGIC(value) do { uint32_t x = (uint8_t)(value); r[i.a] = (uint8_t)x; zr = x; nr = sr = x; vr = 0; } while (0)
#define PLUS(rr, carry) do { \
        uint32_t x = r[i.a], y = (rr), z = x + y + (carry); \
        c = z >> 8; z &= 255; zr = nr = z; vr = (x ^ z) & (y ^ z); sr = nr ^ vr; hr = x ^ y ^ z; r[i.a] = (uint8_t)z; } while (0)
/* chained: Z stays clear if it was (SBC, SBCI, CPC) */
#define MINUS(rr, carry, keep, chained) do { \
        uint32_t x = r[i.a], y = (rr), z = x - y - (carry); \
        c = z >> 31; z &= 255; zr = (chained) ? zr | z : z; nr = z; vr = (x ^ y) & (x ^ z); sr = nr ^ vr; hr = x ^ y ^ z; \
        if (keep) r[i.a] = (uint8_t)z; } while (0)
/* Shifts right: carry is what falls out, V = N xor C. */
#define SHIFTED(value, out) do { uint32_t x = (value); c = (out); r[i.a] = (uint8_t)x; zr = nr = x; vr = (c << 7) ^ nr; sr = nr ^ vr; } while (0)
#define PRODUCT(value, shift) do { \
        uint32_t x = (uint16_t)(value); c = x >> 15; if (shift) x = (uint16_t)(x << 1); zr = x; SET_PAIR(0, x); } while (0)

#define JUMP(to) do { next = (uint32_t)(to); goto jumped; } while (0)
#define BRANCH(condition) do { if (condition) { spent++; JUMP(i.k); } } while (0)
#define SKIP(condition, words) do { if (condition) { spent += (words); next += (words); } } while (0)
#define CALL_TO(to) do { \
        uint32_t target = (uint32_t)(to); \
        if (watched && !m->watching && pc - m->watch_begin < m->watch_end - m->watch_begin) { \
            m->watching = 1; m->above = sp; m->open = (callee){pc, target, cycles, 0}; } \
        PUSH_BYTE(next); PUSH_BYTE(next >> 8); if (wide) PUSH_BYTE(next >> 16); \
        JUMP(target); } while (0)

static inline __attribute__((always_inline)) int interpret(machine *m, uint64_t cycle_limit, uint64_t steps, const int watched)
{
    uint8_t *const r = m->r, *const data = m->data;
    const insn *const code = m->code;
    const uint8_t *const flash = m->flash;
    const uint32_t ram_start = m->c.ram_start, ram_size = m->c.ram_size, words = m->words, wide = m->c.wide_pc;
    const uint32_t base = io_base(m);
    uint64_t cycles = m->cycles;
    uint32_t pc = m->pc, next = pc, low = m->min_sp, sp, c, zr, nr, vr, sr, hr, tf, it, spent = 0;
    int why = RETURNED, halves = 0;
    insn i;

    FILL();
    if (pc > words) return BAD_PC;
    if (m->broken[pc < words ? pc : 0] && pc < words) { i = decode(m, pc); goto resume; }  /* step over a breakpoint */
    for (;;) {
        i = code[pc];
    resume:
        next = pc + 1;
        spent = i.cycles;
        switch (i.op) {
        case NOP: case WDR: break;
        case MOVW: SET_PAIR(i.a, PAIR(i.b)); break;
        case MUL: PRODUCT(r[i.a] * r[i.b], 0); break;
        case MULS: PRODUCT((int8_t)r[i.a] * (int8_t)r[i.b], 0); break;
        case MULSU: PRODUCT((int8_t)r[i.a] * r[i.b], 0); break;
        case FMUL: PRODUCT(r[i.a] * r[i.b], 1); break;
        case FMULS: PRODUCT((int8_t)r[i.a] * (int8_t)r[i.b], 1); break;
        case FMULSU: PRODUCT((int8_t)r[i.a] * r[i.b], 1); break;
        case ADD: PLUS(r[i.b], 0); break;
        case ADC: PLUS(r[i.b], c); break;
        case SUB: MINUS(r[i.b], 0, 1, 0); break;
        case SBC: MINUS(r[i.b], c, 1, 1); break;
        case CP: MINUS(r[i.b], 0, 0, 0); break;
        case CPC: MINUS(r[i.b], c, 0, 1); break;
        case CPI: MINUS((uint8_t)i.k, 0, 0, 0); break;
        case SUBI: MINUS((uint8_t)i.k, 0, 1, 0); break;
        case SBCI: MINUS((uint8_t)i.k, c, 1, 1); break;
        case AND: LOGIC(r[i.a] & r[i.b]); break;
        case EOR: LOGIC(r[i.a] ^ r[i.b]); break;
        case OR: LOGIC(r[i.a] | r[i.b]); break;
        case ANDI: LOGIC(r[i.a] & i.k); break;
        case ORI: LOGIC(r[i.a] | i.k); break;
        case MOV: r[i.a] = r[i.b]; break;
        case LDI: r[i.a] = (uint8_t)i.k; break;
        case COM: LOGIC(~r[i.a]); c = 1; break;
        case NEG: { uint32_t x = r[i.a], z = (uint8_t)-x; r[i.a] = (uint8_t)z; c = z != 0; zr = nr = z; vr = x & z; sr = nr ^ vr; hr = (x | z) << 1; break; }
        case SWAP: r[i.a] = (uint8_t)(r[i.a] << 4 | r[i.a] >> 4); break;
        case INC: { uint32_t z = (uint8_t)(r[i.a] + 1); r[i.a] = (uint8_t)z; zr = nr = z; vr = z == 0x80 ? 0x80 : 0; sr = nr ^ vr; break; }
        case DEC: { uint32_t z = (uint8_t)(r[i.a] - 1); r[i.a] = (uint8_t)z; zr = nr = z; vr = z == 0x7F ? 0x80 : 0; sr = nr ^ vr; break; }
        case ASR: SHIFTED((uint8_t)((int8_t)r[i.a] >> 1), r[i.a] & 1); break;
        case LSR: SHIFTED(r[i.a] >> 1, r[i.a] & 1); break;
        case ROR: { uint32_t out = r[i.a] & 1; SHIFTED(r[i.a] >> 1 | c << 7, out); break; }
        case ADIW: {
            uint32_t x = PAIR(i.a), z = (uint16_t)(x + (uint32_t)i.k);
            SET_PAIR(i.a, z); zr = z; nr = z >> 8; vr = (~x & z) >> 8; c = (~z & x) >> 15; sr = nr ^ vr; break; }
        case SBIW: {
            uint32_t x = PAIR(i.a), z = (uint16_t)(x - (uint32_t)i.k);
            SET_PAIR(i.a, z); zr = z; nr = z >> 8; vr = (x & ~z) >> 8; c = (z & ~x & 0xFFFF) >> 15; sr = nr ^ vr; break; }
        case BSET: { uint32_t f = PACK() | i.a; UNPACK(f); break; }
        case BCLR: { uint32_t f = PACK() & ~i.a; UNPACK(f); break; }
        case BLD: r[i.a] = (uint8_t)(tf ? r[i.a] | i.b : r[i.a] & ~i.b); break;
        case BST: tf = (r[i.a] & i.b) != 0; break;

        case LDS: next++; LOAD(r[i.a], i.k); break;
        case STS: next++; STORE(i.k, r[i.a]); break;
        case LD: LOAD(r[i.a], PAIR(i.b)); break;
        case LDD: LOAD(r[i.a], PAIR(i.b) + (uint32_t)i.k); break;
        case LD_INC: { uint32_t p = PAIR(i.b); uint8_t v; LOAD(v, p); SET_PAIR(i.b, p + 1); r[i.a] = v; break; }
        case LD_DEC: { uint32_t p = PAIR(i.b) - 1; uint8_t v; LOAD(v, p); SET_PAIR(i.b, p); r[i.a] = v; break; }
        case ST: STORE(PAIR(i.b), r[i.a]); break;
        case STD: STORE(PAIR(i.b) + (uint32_t)i.k, r[i.a]); break;
        case ST_INC: { uint32_t p = PAIR(i.b); STORE(p, r[i.a]); SET_PAIR(i.b, p + 1); break; }
        case ST_DEC: { uint32_t p = PAIR(i.b) - 1; STORE(p, r[i.a]); SET_PAIR(i.b, p); break; }
        case LPM: case LPM_INC: case ELPM: case ELPM_INC: {
            uint32_t z = PAIR(30), extended = i.op >= ELPM, at;
            at = extended ? z | (uint32_t)data[base + 0x3B] << 16 : z;
            if (at >= m->c.flash_size) { m->fault = at; END(BAD_ADDRESS); }
            r[i.a] = flash[at];
            if (i.op == LPM_INC || i.op == ELPM_INC) {
                SET_PAIR(30, z + 1);
                if (extended) data[base + 0x3B] = (uint8_t)((at + 1) >> 16);
            }
            break;
        }
        case POP: POP_BYTE(r[i.a]); break;
        case PUSH: PUSH_BYTE(r[i.a]); break;
        case IN: {
            uint32_t at = (uint32_t)i.k, more = 0;
            SPILL();
            r[i.a] = (uint8_t)slow_load(m, at, &more);
            break;
        }
        case OUT:
            SPILL(); slow_store(m, (uint32_t)i.k, r[i.a]); FILL();
            /* A new frame writes the two halves of SP one after the other: what stands between is no stack depth. */
            if ((uint32_t)i.k == base + 0x3D) halves |= 1;
            if ((uint32_t)i.k == base + 0x3E) halves |= 2;
            if (halves == 3) { halves = 0; if (sp < low) low = sp; }
            break;
        case SBI: data[i.k] |= i.a; break;
        case CBI: data[i.k] &= (uint8_t)~i.a; break;

        case JMP: JUMP(i.k);
        case RJMP: JUMP(i.k);
        case IJMP: JUMP(PAIR(30));
        case EIJMP: JUMP(PAIR(30) | (uint32_t)data[base + 0x3C] << 16);
        case CALL: next = pc + 2; CALL_TO(i.k);
        case RCALL: CALL_TO(i.k);
        case ICALL: CALL_TO(PAIR(30));
        case EICALL: CALL_TO(PAIR(30) | (uint32_t)data[base + 0x3C] << 16);
        case RETI: it |= m->c.classic; /* AVRxt does not clear I on the way into a handler */ __attribute__((fallthrough));
        case RET: {
            uint32_t a = 0, b, e;
            if (wide) POP_BYTE(a);
            POP_BYTE(b); POP_BYTE(e);
            if (watched && m->watching && sp == m->above) { m->watching = 0; record_callee(m, cycles + spent); }
            JUMP(a << 16 | b << 8 | e);
        }
        case BREQ: BRANCH(zr == 0); break;
        case BRNE: BRANCH(zr != 0); break;
        case BRCS: BRANCH(c); break;
        case BRCC: BRANCH(!c); break;
        case BRMI: BRANCH(nr & 0x80); break;
        case BRPL: BRANCH(!(nr & 0x80)); break;
        case BRBS: BRANCH(PACK() & i.a); break;
        case BRBC: BRANCH(!(PACK() & i.a)); break;
        case CPSE: SKIP(r[i.a] == r[i.b], (uint32_t)i.k); break;
        case SBRC: SKIP(!(r[i.a] & i.b), (uint32_t)i.k); break;
        case SBRS: SKIP(r[i.a] & i.b, (uint32_t)i.k); break;
        case SBIC: SKIP(!(data[i.k] & i.a), i.b); break;
        case SBIS: SKIP(data[i.k] & i.a, i.b); break;
        case SLEEP: END(SLEPT);
        case BREAK: END(BREAK_OPCODE);
        case STOP: END(BREAKPOINT);
        case OUTSIDE: END(BAD_PC);
        default: END(ILLEGAL_OPCODE);
        }
        cycles += spent;
        if (watched) {
            if (m->profile) m->profile[pc] += spent;
            pc = next;
            if (--steps == 0) END(STEPPED);
        } else {
            pc = next;
        }
        continue;

    jumped:  /* every loop passes here, so here alone the cycle limit is looked at */
        cycles += spent;
        if (watched && m->profile) m->profile[pc] += spent;
        pc = next;
        if (pc >= words || pc == m->sentinel) END(pc == m->sentinel ? RETURNED : BAD_PC);
        if (cycles >= cycle_limit) END(CYCLE_LIMIT);
        if (watched && --steps == 0) END(STEPPED);
    }
done:
    SPILL();
    m->pc = pc;
    m->cycles = cycles;
    m->min_sp = (uint16_t)low;
    return why;
}

static int run_plain(machine *m, uint64_t limit) { return interpret(m, limit, 0, 0); }
static int run_watched(machine *m, uint64_t limit, uint64_t steps) { return interpret(m, limit, steps, 1); }

/* ---- the interface that toolchain/simulator/core.py calls ------------------------------------------------------ */

#define API __attribute__((visibility("default")))

API void avr_free(machine *m)
{
    if (!m) return;
    free(m->flash); free(m->code); free(m->broken); free(m->profile); free(m->callees); free(m);
}

API machine *avr_new(const config *c)
{
    machine *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->c = *c;
    m->words = c->flash_size / 2;
    /* Calls from outside return to a word behind the flash, or to its last word if the address has no room for more. */
    m->sentinel = !c->wide_pc && m->words > 0xFFFF ? 0xFFFF : m->words;
    m->flash = malloc(c->flash_size);
    m->code = calloc(m->words + GUARD, sizeof *m->code);
    m->broken = calloc(m->words + GUARD, 1);
    if (!m->flash || !m->code || !m->broken) { avr_free(m); return NULL; }
    memset(m->flash, 0xFF, c->flash_size);
    for (uint32_t n = 0; n < GUARD; n++) m->code[m->words + n].op = OUTSIDE;
    m->sp = m->min_sp = (uint16_t)(c->ram_start + c->ram_size - 1);
    if (c->flmap) m->data[c->flmap] = 0x30;
    decode_range(m, 0, m->words - 1);
    return m;
}

API int avr_write_flash(machine *m, uint32_t at, const uint8_t *bytes, uint32_t count)
{
    if (!count) return 0;
    if (at >= m->c.flash_size || count > m->c.flash_size - at) return -1;
    memcpy(m->flash + at, bytes, count);
    /* The instruction before may have its second word here, and a skip over that one needs to know its length. */
    decode_range(m, at / 2 < 2 ? 0 : at / 2 - 2, (at + count - 1) / 2);
    return 0;
}

API uint8_t *avr_flash(machine *m) { return m->flash; }
API uint8_t *avr_data(machine *m) { return m->data; }
API uint8_t *avr_registers(machine *m) { return m->r; }
API uint32_t avr_sentinel(const machine *m) { return m->sentinel; }
API uint64_t avr_cycles(const machine *m) { return m->cycles; }
API void avr_set_cycles(machine *m, uint64_t cycles) { m->cycles = cycles; }
API uint32_t avr_pc(const machine *m) { return m->pc; }
API void avr_set_pc(machine *m, uint32_t pc) { m->pc = pc; }
API uint32_t avr_sp(const machine *m) { return m->sp; }
API void avr_set_sp(machine *m, uint32_t sp) { m->sp = (uint16_t)sp; }
API uint32_t avr_min_sp(const machine *m) { return m->min_sp; }
API void avr_set_min_sp(machine *m, uint32_t sp) { m->min_sp = (uint16_t)sp; }
API uint32_t avr_sreg(const machine *m) { return m->sreg; }
API void avr_set_sreg(machine *m, uint32_t sreg) { m->sreg = (uint8_t)sreg; }
API uint32_t avr_fault(const machine *m) { return m->fault; }

API void avr_set_breakpoint(machine *m, uint32_t pc, int on)
{
    if (pc >= m->words) return;
    m->broken[pc] = on != 0;
    decode_range(m, pc, pc);
}

/* profile[words + 1] counters, zeroed; NULL if there is no memory. */
API uint64_t *avr_profile(machine *m, int on)
{
    free(m->profile);
    m->profile = on ? calloc(m->words + 1u, sizeof *m->profile) : NULL;
    return m->profile;
}

API void avr_watch(machine *m, uint32_t begin, uint32_t end)
{
    m->watch_begin = begin;
    m->watch_end = end;
    m->callee_count = m->watching = 0;
}

API uint32_t avr_callee_count(const machine *m) { return m->callee_count; }
API const callee *avr_callees(const machine *m) { return m->callees; }

API int avr_run(machine *m, uint64_t cycle_limit)
{
    return m->profile || m->watch_end ? run_watched(m, cycle_limit, UINT64_MAX) : run_plain(m, cycle_limit);
}

API int avr_step(machine *m, uint64_t count) { return count ? run_watched(m, UINT64_MAX, count) : STEPPED; }

/* As if a CALL (its cycles counted) stood outside the program: the return address is the sentinel, r1 is zero. */
API void avr_enter(machine *m, uint32_t target)
{
    uint32_t back = m->sentinel;
    m->r[1] = 0;
    m->data[m->sp--] = (uint8_t)back;
    m->data[m->sp--] = (uint8_t)(back >> 8);
    if (m->c.wide_pc) m->data[m->sp--] = (uint8_t)(back >> 16);
    if (m->sp < m->min_sp) m->min_sp = m->sp;
    m->cycles += (m->c.classic ? CLASSIC_CYCLES : XT_CYCLES)[CALL] + m->c.wide_pc;
    m->pc = target;
}

static int whole_call(machine *m, uint32_t target, uint64_t cycle_limit, uint64_t *taken)
{
    uint64_t before = m->cycles;
    avr_enter(m, target);
    int why = avr_run(m, cycle_limit > UINT64_MAX - before ? UINT64_MAX : before + cycle_limit);
    if (taken) *taken = m->cycles - before;
    return why;
}

/* Inferences, one after the other: input() gives where the input goes, `piece` bytes of it at a time, of which each time feed()
 * takes note (entry 0: the input goes there as a whole); infer() computes and returns the class in r24, output() gives where
 * the result is. Cycles are those of feed() and infer(). Returns RETURNED, or the reason of the first failure with *done inferences finished. */
API int avr_batch(machine *m, const uint32_t entry[4], const uint8_t *inputs, uint32_t input_bytes, uint32_t piece, uint32_t count,
                  uint8_t *outputs, uint32_t output_bytes, uint8_t *classes, uint64_t *cycles, uint64_t cycle_limit,
                  uint32_t *done)
{
    for (*done = 0; *done < count; ++*done) {
        uint32_t n = *done, at;
        uint64_t fed = 0;
        int why;
        for (uint32_t given = 0; given < input_bytes; given += piece) {
            uint32_t size = input_bytes - given < piece ? input_bytes - given : piece;
            uint64_t spent = 0;
            why = whole_call(m, entry[0], cycle_limit, NULL);
            if (why != RETURNED) return why;
            at = (uint32_t)(m->r[24] | m->r[25] << 8);
            if (at + size > sizeof m->data) { m->fault = at; return BAD_ADDRESS; }
            memcpy(m->data + at, inputs + (size_t)n * input_bytes + given, size);
            if (entry[3] == 0) continue;
            why = whole_call(m, entry[3], cycle_limit, &spent);
            if (why != RETURNED) return why;
            fed += spent;
        }
        why = whole_call(m, entry[1], cycle_limit, cycles + n);
        if (why != RETURNED) return why;
        cycles[n] += fed;
        classes[n] = m->r[24];
        why = whole_call(m, entry[2], cycle_limit, NULL);
        if (why != RETURNED) return why;
        at = (uint32_t)(m->r[24] | m->r[25] << 8);
        if (at + output_bytes > sizeof m->data) { m->fault = at; return BAD_ADDRESS; }
        memcpy(outputs + (size_t)n * output_bytes, m->data + at, output_bytes);
    }
    return RETURNED;
}
