<?php
// Runs main.php, then the test that comes over standard input, and writes a secret to standard output when both are over.
// The first line of standard input is the secret, the rest the test; both are read before the program is loaded. Program
// and test are parsed apart and share the global scope. What is kept is in static variables of a method, which nothing
// but reflection can read, and that is switched off; the method answers to the lines of this file alone.
final class MoesaicLauncher
{
    private const CHECKED = ['zend.assertions', 'assert.active', 'assert.exception'];

    public static function step(): ?string
    {
        static $secret, $test, $output;
        $calls = debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS);
        if (count($calls) !== 1 || $calls[0]['file'] !== __FILE__) {
            return null;
        }
        if ($output === null) {
            [$secret, $test] = explode("\n", stream_get_contents(STDIN), 2);
            $output = fopen('php://fd/1', 'w'); // of its own: the program may close the usual one
            return null;
        }
        if ($test !== null) {
            foreach (self::CHECKED as $name) { // whatever the program did to assertions
                ini_set($name, '1');
            }
            $text = ltrim($test);
            $test = null;
            return str_starts_with($text, '<?') ? '?>' . $text : $text;
        }
        if (count(array_filter(array_map('ini_get', self::CHECKED))) === count(self::CHECKED)) {
            while (ob_get_level() > 0) {
                ob_end_flush();
            }
            fwrite($output, "\n$secret\n");
        }
        return null;
    }
}

MoesaicLauncher::step();
require __DIR__ . '/main.php';
eval(MoesaicLauncher::step());
MoesaicLauncher::step();
