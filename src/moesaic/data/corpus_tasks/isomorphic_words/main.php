<?php

declare(strict_types=1);

function isomorphicWords(string $first, string $second): bool
{
    if (strlen($first) !== strlen($second)) {
        return false;
    }
    $there = $back = [];
    for ($i = 0; $i < strlen($first); $i++) {
        $there[$first[$i]] ??= $second[$i];
        $back[$second[$i]] ??= $first[$i];
        if ($there[$first[$i]] !== $second[$i] || $back[$second[$i]] !== $first[$i]) {
            return false;
        }
    }
    return true;
}

[$first, $second] = file('php://stdin', FILE_IGNORE_NEW_LINES);
echo isomorphicWords($first, $second) ? 'yes' : 'no', PHP_EOL;
