<?php
// Runs main.php, then the test that comes over standard input, and writes a secret to standard output when both are over.
// The first line of standard input is the secret, the rest the test; both are read before the program is loaded. Program
// and test are parsed apart and share the global scope. finish() answers to the last line of this file alone.
final class MoesaicLauncher
{
    private static ?Closure $write = null;
    private static string $test = '';

    public static function prepare(): void
    {
        ini_set('assert.exception', '1');
        [$secret, self::$test] = explode("\n", stream_get_contents(STDIN), 2);
        $output = fopen('/proc/self/fd/1', 'w');
        self::$write = static function () use ($secret, $output): void {
            while (ob_get_level() > 0) {
                ob_end_flush();
            }
            fwrite($output, "\n$secret\n");
        };
    }

    public static function test(): string
    {
        return str_starts_with(ltrim(self::$test), '<?') ? '?>' . ltrim(self::$test) : self::$test;
    }

    public static function finish(): void
    {
        $calls = debug_backtrace();
        if (count($calls) === 1 && $calls[0]['file'] === __FILE__) {
            (self::$write)();
        }
    }
}

MoesaicLauncher::prepare();
require __DIR__ . '/main.php';
eval(MoesaicLauncher::test());
MoesaicLauncher::finish();
