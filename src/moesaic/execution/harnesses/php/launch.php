<?php
// Runs main.php, then the test that comes over standard input, and writes a secret to standard output when both are over.
// The first line of standard input is the secret, the rest the test; both are read before the program is loaded. Program
// and test are parsed apart and share the global scope. finish() answers to the last line of this file alone.
final class MoesaicLauncher
{
    private const CHECKED = ['zend.assertions', 'assert.active', 'assert.exception'];
    private static ?Closure $write = null;
    private static string $test = '';

    public static function prepare(): void
    {
        [$secret, self::$test] = explode("\n", stream_get_contents(STDIN), 2);
        $output = fopen('php://fd/1', 'w');
        self::$write = static function () use ($secret, $output): void {
            while (ob_get_level() > 0) {
                ob_end_flush();
            }
            fwrite($output, "\n$secret\n");
        };
    }

    public static function test(): string
    {
        foreach (self::CHECKED as $name) { // whatever the program did to assertions
            ini_set($name, '1');
        }
        return str_starts_with(ltrim(self::$test), '<?') ? '?>' . ltrim(self::$test) : self::$test;
    }

    public static function finish(): void
    {
        $calls = debug_backtrace();
        $checked = count(array_filter(array_map('ini_get', self::CHECKED))) === count(self::CHECKED);
        if ($checked && count($calls) === 1 && $calls[0]['file'] === __FILE__) {
            (self::$write)();
        }
    }
}

MoesaicLauncher::prepare();
require __DIR__ . '/main.php';
eval(MoesaicLauncher::test());
MoesaicLauncher::finish();
