<?php

declare(strict_types=1);

function wordChain(array $words): bool
{
    $last = array_shift($words);
    foreach ($words as $word) {
        if ($word[0] !== $last[-1]) {
            return false;
        }
        $last = $word;
    }
    return true;
}

$words = explode(' ', trim(fgets(STDIN)));
echo wordChain($words) ? 'yes' : 'no', PHP_EOL;
