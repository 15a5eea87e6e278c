<?php

declare(strict_types=1);

function canSplitIntoWords(string $text, array $words): bool
{
    $reachable = [true];
    for ($position = 1; $position <= strlen($text); $position++) {
        $reachable[$position] = false;
        foreach ($words as $word) {
            $start = $position - strlen($word);
            if (($reachable[$start] ?? false) && substr($text, $start, strlen($word)) === $word) {
                $reachable[$position] = true;
            }
        }
    }
    return $reachable[strlen($text)];
}

$words = explode(' ', trim(fgets(STDIN)));
$text = trim(fgets(STDIN));
echo canSplitIntoWords($text, $words) ? 'yes' : 'no', PHP_EOL;
